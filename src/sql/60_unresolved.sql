-- References to missing objects after a dump was restored.
--
-- A dump may be restored into a server without some of the roles, or in parts. A row that refers to something
-- missing stays, and has no effect until somebody says what it refers to.

CREATE VIEW flowctl.unresolved WITH (security_barrier) AS
    SELECT u.kind, u.name, u.missing, u.effect
    FROM (SELECT 'flow', f.name, 'role ' || f.owner::text, 'it cannot be started'
          FROM flowctl_catalog.flow f WHERE f.owner::oid IS NULL
          UNION ALL
          SELECT 'flow', f.name, 'version ' || f.latest_version, 'only versions that are there can be started'
          FROM flowctl_catalog.flow f
          WHERE NOT EXISTS (SELECT FROM flowctl_catalog.flow_version v WHERE v.flow_id = f.flow_id AND v.version = f.latest_version)
          UNION ALL
          SELECT 'version', v.version::text, 'flow ' || v.flow_id, 'nobody can start it'
          FROM flowctl_catalog.flow_version v
          WHERE v.dropped_by IS NULL AND NOT EXISTS (SELECT FROM flowctl_catalog.flow f WHERE f.flow_id = v.flow_id)
          UNION ALL
          SELECT CASE g.privileges WHEN '{start}' THEN 'start grant' ELSE 'flow grant' END, coalesce(f.name, g.flow_id::text), 'role ' || g.role::text, 'nobody has the right'
          FROM flowctl_catalog.flow_grant g LEFT JOIN flowctl_catalog.flow f ON f.flow_id = g.flow_id WHERE g.role::oid IS NULL
          UNION ALL
          SELECT CASE g.privileges WHEN '{start}' THEN 'start grant' ELSE 'flow grant' END, g.role::text, 'flow ' || g.flow_id, 'there is nothing to start'
          FROM flowctl_catalog.flow_grant g WHERE NOT EXISTS (SELECT FROM flowctl_catalog.flow f WHERE f.flow_id = g.flow_id)
          UNION ALL
          SELECT 'limit', n.name, 'role ' || n.owner::text, 'nobody can change it'
          FROM flowctl_catalog.named_limit n WHERE n.owner::oid IS NULL
          UNION ALL
          SELECT 'quota', q.role::text, 'role ' || q.role::text, 'it counts for nobody'
          FROM flowctl_catalog.quota q WHERE q.role::oid IS NULL
          UNION ALL
          SELECT 'limit grant', coalesce(n.name, g.limit_id::text), 'role ' || g.role::text, 'nobody has the right'
          FROM flowctl_catalog.limit_grant g LEFT JOIN flowctl_catalog.named_limit n ON n.limit_id = g.limit_id
          WHERE g.role::oid IS NULL
          UNION ALL
          SELECT 'flow', f.name, 'limit ' || l.name, 'its runs do not wait at it'
          FROM flowctl_catalog.flow f,
               pg_catalog.jsonb_array_elements_text(coalesce(f.options -> 'limits', '[]')) l (name)
          WHERE NOT EXISTS (SELECT FROM flowctl_catalog.named_limit n WHERE n.name = l.name)
          UNION ALL
          SELECT 'alias', f.name || ':' || a.alias, 'version ' || n.version, 'a start of this version fails'
          FROM flowctl_catalog.alias a JOIN flowctl_catalog.flow f ON f.flow_id = a.flow_id,
               LATERAL (VALUES (a.version), (a.second_version)) n (version)
          WHERE n.version IS NOT NULL
            AND NOT EXISTS (SELECT FROM flowctl_catalog.flow_version v WHERE v.flow_id = a.flow_id AND v.version = n.version)
          UNION ALL
          SELECT 'alias', a.alias, 'flow ' || a.flow_id, 'there is nothing to start'
          FROM flowctl_catalog.alias a WHERE NOT EXISTS (SELECT FROM flowctl_catalog.flow f WHERE f.flow_id = a.flow_id)
          UNION ALL
          SELECT 'author', a.role::text, 'role ' || a.role::text, 'nobody has the right'
          FROM flowctl_catalog.author a WHERE a.role::oid IS NULL
          UNION ALL
          SELECT 'lease rule', l.name, 'role ' || l.role::text, 'no lease has the role'
          FROM flowctl_catalog.lease_rule l WHERE l.role::oid IS NULL
          UNION ALL
          SELECT 'lease rule', l.name, 'endpoint ' || l.endpoint, 'it applies to no call'
          FROM flowctl_catalog.lease_rule l WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server s WHERE s.srvname = l.endpoint)
          UNION ALL
          SELECT 'activity', a.name, 'role ' || a.owner::text, 'nobody but superusers may use it without a grant'
          FROM flowctl_catalog.activity a WHERE a.owner::oid IS NULL
          UNION ALL
          SELECT 'activity grant', g.activity, 'role ' || g.role::text, 'nobody has the right'
          FROM flowctl_catalog.activity_grant g WHERE g.role::oid IS NULL
          UNION ALL
          SELECT 'activity grant', g.role::text, 'activity ' || g.activity, 'there is nothing to use'
          FROM flowctl_catalog.activity_grant g WHERE NOT EXISTS (SELECT FROM flowctl_catalog.activity a WHERE a.name = g.activity)
          UNION ALL
          SELECT 'schedule', s.name, 'role ' || s.owner::text, 'it starts nothing'
          FROM flowctl_catalog.schedule s WHERE s.owner::oid IS NULL
          UNION ALL
          SELECT 'schedule', s.name, 'flow ' || s.flow, 'it starts nothing'
          FROM flowctl_catalog.schedule s
          WHERE NOT EXISTS (SELECT FROM flowctl_catalog.flow f WHERE f.name = pg_catalog.split_part(s.flow, ':', 1))
          UNION ALL
          SELECT 'event rule', r.name, 'role ' || r.owner::text, 'it starts nothing'
          FROM flowctl_catalog.event_rule r WHERE r.owner::oid IS NULL
          UNION ALL
          SELECT 'event rule', r.name, 'flow ' || pg_catalog.split_part(r.flow, ':', 1), 'it starts nothing'
          FROM flowctl_catalog.event_rule r
          WHERE NOT EXISTS (SELECT FROM flowctl_catalog.flow f WHERE f.name = pg_catalog.split_part(r.flow, ':', 1))
          UNION ALL
          SELECT 'policy', p.name, 'endpoint ' || p.endpoint, 'it applies to no call'
          FROM flowctl_catalog.policy p
          WHERE p.endpoint IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server s WHERE s.srvname = p.endpoint)
          UNION ALL
          SELECT 'hold', h.reason, 'flow ' || h.flow_id, 'nothing is held'
          FROM flowctl_catalog.hold h
          WHERE h.released_at IS NULL AND h.flow_id IS NOT NULL
                AND NOT EXISTS (SELECT FROM flowctl_catalog.flow f WHERE f.flow_id = h.flow_id)
         ) u (kind, name, missing, effect)
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'));
COMMENT ON VIEW flowctl.unresolved IS
    'rows that refer to something that does not exist, for example after a dump was restored without some of the roles; for '
    'members of pg_read_all_data';
COMMENT ON COLUMN flowctl.unresolved.name IS 'name of the flow, alias, limit, rule, activity, schedule or policy, number of the version, name of the role, or reason of the hold';
COMMENT ON COLUMN flowctl.unresolved.kind IS 'flow | version | start grant | flow grant | alias | author | limit | limit grant | quota | lease rule | activity | activity grant | schedule | event rule | policy | hold';
COMMENT ON COLUMN flowctl.unresolved.missing IS 'the missing role, endpoint, flow, version, limit or activity';
COMMENT ON COLUMN flowctl.unresolved.effect IS 'what does not work until the reference is resolved';
REVOKE ALL ON flowctl.unresolved FROM PUBLIC;
GRANT SELECT ON flowctl.unresolved TO PUBLIC;

-- Everybody may call the function; it checks that its caller is a superuser or has the privileges of the
-- extension's owner.
CREATE FUNCTION flowctl.resolve_roles(map jsonb DEFAULT '{}') RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_resolve_roles';
COMMENT ON FUNCTION flowctl.resolve_roles(jsonb) IS
    'gives existing roles what the missing roles in flowctl.unresolved own and have been granted: it goes to the role that '
    'has the name now, or to the role in map, {"missing": "role"}. With {"missing": null} it is deleted, except flows. '
    'Returns the number of changed rows';
REVOKE ALL ON FUNCTION flowctl.resolve_roles(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.resolve_roles(jsonb) TO PUBLIC;
