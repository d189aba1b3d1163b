
-- Last: this place is the one where the flows may act.
SELECT flowctl.register_installation();
