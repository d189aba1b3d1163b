SELECT flowctl.start('labelled', ('{"id": 7, "pad": "' || repeat('x', 280) || '"}')::jsonb);
