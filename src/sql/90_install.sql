
-- Last: this place is the one where the flows may act.
SELECT flowctl_catalog.register_installation();

-- The first leaves; later ones are the housekeeper's.
DO $$ BEGIN PERFORM flowctl.keep_house(); END $$;
