SELECT flowctl.start('timed', ('{"id": 7, "pad": "' || repeat('x', 280) || '"}')::jsonb);
