SELECT flowctl.start('w0', '{}') AS run \gset
SELECT flowctl.wait(:run, '1 min');
