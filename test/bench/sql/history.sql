-- What the measurement of a long history needs. copy_runs(N): N copies of the first 1,000 ended runs with all that belongs
-- to them, under ids of the thirty days before today, whichever columns the tables have.
CREATE PROCEDURE make_month() LANGUAGE plpgsql AS $$
BEGIN
    FOR day IN 1 .. 30 LOOP
        PERFORM flowctl.make_partition((date_trunc('day', now() AT TIME ZONE 'UTC') - make_interval(days => day)) AT TIME ZONE 'UTC',
                                       (date_trunc('day', now() AT TIME ZONE 'UTC') - make_interval(days => day - 1)) AT TIME ZONE 'UTC');
        COMMIT;
    END LOOP;
END $$;

-- Reads as much as shared_buffers holds, and again as much.
CREATE PROCEDURE fill_buffers() LANGUAGE plpgsql AS $$
DECLARE
    buffers int := (SELECT setting FROM pg_settings WHERE name = 'shared_buffers');
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_prewarm;
    CREATE TABLE filler (pad text);
    ALTER TABLE filler ALTER COLUMN pad SET STORAGE PLAIN;
    INSERT INTO filler SELECT repeat('x', 8000) FROM generate_series(1, 2 * buffers);
    COMMIT;
    PERFORM pg_prewarm('filler');
END $$;

CREATE PROCEDURE wait_until_dropped() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 12000 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM flowctl_catalog.leaf WHERE ends_at <= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC');
        PERFORM pg_sleep(0.005);
        COMMIT;
    END LOOP;
END $$;

CREATE FUNCTION columns_but_run_id(relation regclass) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
       WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attname <> 'run_id' $$;

-- The n-th of `count` ids: a UUIDv7 whose time is that far into the thirty days.
CREATE FUNCTION copied_id(n bigint, count bigint, seed text) RETURNS uuid LANGUAGE sql AS
    $$ SELECT (lpad(to_hex((extract(epoch FROM date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') * 1000 - 2592000000.0 * n / (count + 1))::bigint), 12, '0') || '7' ||
               substr(md5(n || seed), 1, 19))::uuid $$;

CREATE PROCEDURE copy_runs(count bigint) LANGUAGE plpgsql AS $$
DECLARE
    relation regclass;
BEGIN
    CREATE TABLE template AS
        SELECT run_id, row_number() OVER (ORDER BY run_id) AS n FROM flowctl_catalog.run WHERE status = 'SUCCEEDED' ORDER BY run_id LIMIT 1000;
    FOR from_copy IN 0 .. count - 1 BY 100000 LOOP
        CREATE TABLE copy AS
            SELECT t.run_id, copied_id(c * 1000 + t.n, count, t.run_id::text) AS copy_id
            FROM template t, generate_series(from_copy / 1000, least(from_copy + 100000, count) / 1000 - 1) c;
        ANALYZE copy;
        FOREACH relation IN ARRAY '{flowctl_catalog.run, flowctl_catalog.history_event, flowctl_catalog.call, flowctl_catalog.call_outcome}'::regclass[] LOOP
            EXECUTE format('INSERT INTO %1$s (run_id, %2$s) SELECT copy_id, %2$s FROM %1$s JOIN copy USING (run_id)',
                           relation, columns_but_run_id(relation));
        END LOOP;
        DROP TABLE copy;
        COMMIT;
    END LOOP;
    DROP TABLE template;
END $$;
