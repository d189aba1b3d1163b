SELECT flowctl.start('w1', ('{"id": 7, "pad": "' || repeat('x', 280) || '"}')::jsonb);
