SELECT flowctl.start(:flow, ('{"id": 7, "pad": "' || repeat('x', 280) || '"}')::jsonb);
