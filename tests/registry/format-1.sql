-- A repository as Bunter wrote it in registry format 1: three datasets put, one of them removed.
PRAGMA application_id = 1114992244;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE artifact (
        id INTEGER PRIMARY KEY, directory INTEGER NOT NULL, name TEXT NOT NULL,
        nonce TEXT NOT NULL, size INTEGER NOT NULL, sha256 BLOB, xxh3 BLOB, format TEXT NOT NULL,
        format_version INTEGER NOT NULL, owned INTEGER NOT NULL, UNIQUE (directory, name)
    );
INSERT INTO "artifact" VALUES(1,1,'thing_Cam_0_0-utqqxouuyigxs.json','utqqxouuyigxs',8,X'449073A2FD57CB1EAFF62270B3DE9EEA44CD61D82B90F7975A1E1F87152A819C',X'8BF61FABD99C5139A903328205F8511B','json',1,1);
INSERT INTO "artifact" VALUES(2,2,'thing_Cam_0_1-ijgvll6ucdkvc.json','ijgvll6ucdkvc',8,X'9DA5174A0EB416F500C62CF059316297A53B2F897185610D77953E640A169CD4',X'5DA2B6C5F4597A34FDF108B5C04BBEAA','json',1,1);
CREATE TABLE artifact_directory (
        id INTEGER PRIMARY KEY, datastore TEXT NOT NULL, path TEXT NOT NULL, UNIQUE (path, datastore)
    );
INSERT INTO "artifact_directory" VALUES(1,'main','run1/thing/0');
INSERT INTO "artifact_directory" VALUES(2,'main','run1/thing/1');
INSERT INTO "artifact_directory" VALUES(3,'main','run1/thing/3');
CREATE TABLE attribute (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "attribute" VALUES('registry.universe','{"namespace": "daf_butler", "version": 8, "skypix": {"common": "htm7", "htm": {"min_level": 1, "max_level": 24}, "healpix": {"min_level": 1, "max_level": 17}}, "elements": {"instrument": {"doc": "A camera, or another device that makes raw frames, together with its telescope.", "governor": true, "keys": [{"name": "name", "type": "string", "length": 32}], "metadata": [{"name": "visit_max", "type": "int", "doc": "No visit id of this instrument is greater."}, {"name": "visit_system", "type": "int", "doc": "The visit system that is meant where a data ID gives only an exposure."}, {"name": "exposure_max", "type": "int", "doc": "No exposure id of this instrument is greater."}, {"name": "detector_max", "type": "int", "doc": "Every detector id of this instrument is smaller."}, {"name": "class_name", "type": "string", "length": 64, "doc": "Short name of the definition that describes the instrument."}]}, "skymap": {"doc": "A division of the sky into tracts, and of tracts into patches.", "governor": true, "keys": [{"name": "name", "type": "string", "length": 64}, {"name": "hash", "type": "hash", "nbytes": 40, "doc": "Digest of the division''s parameters; one division has one name."}], "metadata": [{"name": "tract_max", "type": "int", "doc": "Every tract id is smaller."}, {"name": "patch_nx_max", "type": "int", "doc": "No tract has more columns of patches."}, {"name": "patch_ny_max", "type": "int", "doc": "No tract has more rows of patches."}]}, "band": {"doc": "A stretch of wavelengths that filters of different instruments share by name.", "implied_union_target": "physical_filter", "keys": [{"name": "name", "type": "string", "length": 32}]}, "physical_filter": {"doc": "A piece of glass in one instrument that lets a band through.", "requires": ["instrument"], "implies": ["band"], "keys": [{"name": "name", "type": "string", "length": 32}]}, "subfilter": {"doc": "A part of a band, for models of refraction by wavelength.", "requires": ["band"], "keys": [{"name": "id", "type": "int"}]}, "detector": {"doc": "One sensor of an instrument.", "requires": ["instrument"], "keys": [{"name": "id", "type": "int"}, {"name": "full_name", "type": "string", "length": 32}], "metadata": [{"name": "name_in_raft", "type": "string", "length": 32, "doc": "Name within its raft; need not be unique."}, {"name": "raft", "type": "string", "length": 32, "doc": "Group of sensors that it is built into."}, {"name": "purpose", "type": "string", "length": 32, "doc": "What it is for, such as SCIENCE, GUIDER or WAVEFRONT."}]}, "group": {"doc": "Exposures that were taken to be used together, such as the snaps of a visit.", "requires": ["instrument"], "keys": [{"name": "name", "type": "string", "length": 64}]}, "day_obs": {"doc": "An observing day; what one night takes has one value.", "requires": ["instrument"], "keys": [{"name": "id", "type": "int", "doc": "The date as YYYYMMDD, by the instrument''s convention of when a day begins."}]}, "exposure": {"doc": "One opening of the shutter, seen by all detectors.", "requires": ["instrument"], "implies": ["physical_filter", "group", "day_obs"], "keys": [{"name": "id", "type": "int"}, {"name": "obs_id", "type": "string", "length": 64, "doc": "The observatory''s own name of the exposure."}], "metadata": [{"name": "exposure_time", "type": "float", "doc": "Time with open shutter in seconds."}, {"name": "dark_time", "type": "float", "doc": "Time over which the detectors gathered charge in seconds."}, {"name": "observation_type", "type": "string", "length": 16, "doc": "Kind of frame: science, bias, dark, flat and so on."}, {"name": "observation_reason", "type": "string", "length": 68, "doc": "Why it was taken."}, {"name": "seq_num", "type": "int", "doc": "Number of the exposure within its observing day."}, {"name": "seq_start", "type": "int", "doc": "First sequence number of the exposures that belong together."}, {"name": "seq_end", "type": "int", "doc": "Last sequence number of the exposures that belong together."}, {"name": "target_name", "type": "string", "length": 64, "doc": "What was pointed at."}, {"name": "science_program", "type": "string", "length": 64, "doc": "Programme or proposal."}, {"name": "tracking_ra", "type": "float", "doc": "ICRS right ascension of the boresight in degrees."}, {"name": "tracking_dec", "type": "float", "doc": "ICRS declination of the boresight in degrees."}, {"name": "sky_angle", "type": "float", "doc": "Angle of the instrument on the sky in degrees."}, {"name": "azimuth", "type": "float", "doc": "Azimuth of the telescope at the start in degrees."}, {"name": "zenith_angle", "type": "float", "doc": "Angle from the zenith at the start in degrees."}, {"name": "has_simulated", "type": "bool", "doc": "Whether any of its pixels were simulated."}, {"name": "can_see_sky", "type": "bool", "doc": "Whether light from the sky could reach the detectors."}]}, "visit": {"doc": "Exposures of one pointing that are processed as one.", "requires": ["instrument"], "implies": ["physical_filter", "day_obs"], "keys": [{"name": "id", "type": "int"}, {"name": "name", "type": "string", "length": 64}], "metadata": [{"name": "seq_num", "type": "int", "doc": "Sequence number of its first exposure."}, {"name": "exposure_time", "type": "float", "doc": "Sum of its exposures'' times in seconds."}, {"name": "target_name", "type": "string", "length": 64, "doc": "What was pointed at."}, {"name": "observation_reason", "type": "string", "length": 68, "doc": "Why it was taken."}, {"name": "science_program", "type": "string", "length": 64, "doc": "Programme or proposal."}, {"name": "azimuth", "type": "float", "doc": "Azimuth of the telescope in degrees."}, {"name": "zenith_angle", "type": "float", "doc": "Angle from the zenith in degrees."}]}, "visit_system": {"doc": "A way to gather exposures into visits.", "requires": ["instrument"], "keys": [{"name": "id", "type": "int"}, {"name": "name", "type": "string", "length": 32}]}, "visit_definition": {"doc": "An exposure is part of a visit.", "requires": ["exposure", "visit"], "always_join": true, "populated_by": "visit"}, "visit_system_membership": {"doc": "A visit was defined by a visit system.", "requires": ["visit", "visit_system"], "always_join": true, "populated_by": "visit"}, "visit_detector_region": {"doc": "Where on the sky a detector looked in a visit.", "requires": ["visit", "detector"], "populated_by": "visit"}, "tract": {"doc": "A large part of a sky map with one projection.", "requires": ["skymap"], "keys": [{"name": "id", "type": "int"}]}, "patch": {"doc": "A rectangular part of a tract.", "requires": ["skymap", "tract"], "keys": [{"name": "id", "type": "int"}], "metadata": [{"name": "cell_x", "type": "int", "nullable": false, "doc": "Column of the patch in its tract."}, {"name": "cell_y", "type": "int", "nullable": false, "doc": "Row of the patch in its tract."}]}, "ssp_hypothesis_table": {"doc": "A table of assumed motions, for linking sightings of moving objects.", "keys": [{"name": "name", "type": "string", "length": 64}]}, "ssp_hypothesis_bundle": {"doc": "Some rows of a table of assumed motions.", "requires": ["ssp_hypothesis_table"], "keys": [{"name": "id", "type": "int"}]}, "ssp_balanced_index": {"doc": "A share of the work of linking moving objects; shares take about equally long.", "requires": ["ssp_hypothesis_table"], "keys": [{"name": "id", "type": "int"}]}}, "topology": {"spatial": {"observation_regions": ["visit_detector_region", "visit"], "skymap_regions": ["patch", "tract"]}, "temporal": {"observation_timespans": ["exposure", "visit", "day_obs"]}}}');
INSERT INTO "attribute" VALUES('registry.version','1');
CREATE TABLE calibration_1 (type INTEGER NOT NULL, collection INTEGER NOT NULL, timespan_begin INTEGER NOT NULL, timespan_end INTEGER NOT NULL, "instrument" TEXT NOT NULL, "detector" INTEGER NOT NULL, "exposure" INTEGER NOT NULL, id BLOB NOT NULL, run INTEGER NOT NULL, added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT 9223372036854775807, PRIMARY KEY ("type", "collection", "instrument", "exposure", "detector", "timespan_begin", "retired")) WITHOUT ROWID;
CREATE TABLE calibration_2 (type INTEGER NOT NULL, collection INTEGER NOT NULL, timespan_begin INTEGER NOT NULL, timespan_end INTEGER NOT NULL, "instrument" TEXT NOT NULL, "detector" INTEGER NOT NULL, id BLOB NOT NULL, run INTEGER NOT NULL, added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT 9223372036854775807, PRIMARY KEY ("type", "collection", "instrument", "detector", "timespan_begin", "retired")) WITHOUT ROWID;
CREATE TABLE change (
    n INTEGER PRIMARY KEY, committed INTEGER NOT NULL, user TEXT NOT NULL, host TEXT NOT NULL, command TEXT NOT NULL
);
INSERT INTO "change" VALUES(1,1795238819664137045,'observer','host','');
INSERT INTO "change" VALUES(2,1795238819675708573,'observer','host','');
INSERT INTO "change" VALUES(3,1795238819677408381,'observer','host','');
INSERT INTO "change" VALUES(4,1795238819678959138,'observer','host','');
INSERT INTO "change" VALUES(5,1795238819688058441,'observer','host','');
INSERT INTO "change" VALUES(6,1795238819690822416,'observer','host','');
INSERT INTO "change" VALUES(7,1795238819693304262,'observer','host','');
INSERT INTO "change" VALUES(8,1795238819694205600,'observer','host','');
CREATE TABLE collection (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, type INTEGER NOT NULL, doc TEXT NOT NULL,
    added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT 9223372036854775807, UNIQUE (name, retired)
);
INSERT INTO "collection" VALUES(1,'run1',1,'',4,9223372036854775807);
CREATE TABLE collection_chain (
    parent INTEGER NOT NULL, position INTEGER NOT NULL, child INTEGER NOT NULL,
    added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT 9223372036854775807, PRIMARY KEY (parent, retired, position)
) WITHOUT ROWID;
CREATE TABLE dataset (
    id BLOB NOT NULL PRIMARY KEY, type INTEGER NOT NULL, run INTEGER NOT NULL, added INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "dataset" VALUES(X'01A1FC91E6D77F4794EBCF93FE6BD4AA',1,1,5);
INSERT INTO "dataset" VALUES(X'01A1FC91E6E173B793915A91C47F8143',1,1,6);
CREATE TABLE dataset_1 (type INTEGER NOT NULL, run INTEGER NOT NULL, "instrument" TEXT NOT NULL, "detector" INTEGER NOT NULL, "exposure" INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY ("type", "run", "instrument", "exposure", "detector")) WITHOUT ROWID;
INSERT INTO "dataset_1" VALUES(1,1,'Cam',0,0,X'01A1FC91E6D77F4794EBCF93FE6BD4AA');
INSERT INTO "dataset_1" VALUES(1,1,'Cam',0,1,X'01A1FC91E6E173B793915A91C47F8143');
CREATE TABLE dataset_2 (type INTEGER NOT NULL, run INTEGER NOT NULL, "instrument" TEXT NOT NULL, "detector" INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY ("type", "run", "instrument", "detector")) WITHOUT ROWID;
CREATE TABLE dataset_artifact (
        dataset_id BLOB NOT NULL, component TEXT NOT NULL, artifact INTEGER NOT NULL,
        selector TEXT NOT NULL, PRIMARY KEY (dataset_id, component)
    ) WITHOUT ROWID
    ;
INSERT INTO "dataset_artifact" VALUES(X'01A1FC91E6D77F4794EBCF93FE6BD4AA','',1,'');
INSERT INTO "dataset_artifact" VALUES(X'01A1FC91E6E173B793915A91C47F8143','',2,'');
CREATE TABLE dataset_type (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, dimension_group INTEGER NOT NULL, storage_class TEXT NOT NULL,
    is_calibration BOOLEAN NOT NULL, added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT 9223372036854775807, UNIQUE (name, retired)
);
INSERT INTO "dataset_type" VALUES(1,'thing',1,'StructuredDataDict',0,2,9223372036854775807);
INSERT INTO "dataset_type" VALUES(2,'bias',2,'StructuredDataDict',1,3,9223372036854775807);
CREATE TABLE dimension_group (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
INSERT INTO "dimension_group" VALUES(1,'instrument+detector+exposure');
INSERT INTO "dimension_group" VALUES(2,'instrument+detector');
CREATE TABLE generation (n INTEGER NOT NULL);
INSERT INTO "generation" VALUES(5);
CREATE TABLE "record_day_obs" ("instrument" TEXT NOT NULL, "day_obs" INTEGER NOT NULL, "timespan_begin" INTEGER, "timespan_end" INTEGER, PRIMARY KEY ("instrument", "day_obs")) WITHOUT ROWID;
INSERT INTO "record_day_obs" VALUES('Cam',20260101,1767268800000000000,1767355200000000000);
CREATE TABLE "record_detector" ("instrument" TEXT NOT NULL, "detector" INTEGER NOT NULL, "full_name" TEXT, "name_in_raft" TEXT, "raft" TEXT, "purpose" TEXT, PRIMARY KEY ("instrument", "detector"), UNIQUE ("instrument", "full_name")) WITHOUT ROWID;
INSERT INTO "record_detector" VALUES('Cam',0,'D0',NULL,NULL,NULL);
INSERT INTO "record_detector" VALUES('Cam',1,'D1',NULL,NULL,NULL);
INSERT INTO "record_detector" VALUES('Cam',2,'D2',NULL,NULL,NULL);
CREATE TABLE "record_exposure" ("instrument" TEXT NOT NULL, "exposure" INTEGER NOT NULL, "obs_id" TEXT, "day_obs" INTEGER, "group" TEXT, "physical_filter" TEXT, "exposure_time" REAL, "dark_time" REAL, "observation_type" TEXT, "observation_reason" TEXT, "seq_num" INTEGER, "seq_start" INTEGER, "seq_end" INTEGER, "target_name" TEXT, "science_program" TEXT, "tracking_ra" REAL, "tracking_dec" REAL, "sky_angle" REAL, "azimuth" REAL, "zenith_angle" REAL, "has_simulated" BOOLEAN, "can_see_sky" BOOLEAN, "timespan_begin" INTEGER, "timespan_end" INTEGER, PRIMARY KEY ("instrument", "exposure"), UNIQUE ("instrument", "obs_id")) WITHOUT ROWID;
INSERT INTO "record_exposure" VALUES('Cam',0,'obs0',20260101,'g0','Cam-g',30.0,NULL,'science',NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1767268800000000000,1767268830000000000);
INSERT INTO "record_exposure" VALUES('Cam',1,'obs1',20260101,'g1','Cam-r',30.0,NULL,'science',NULL,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1767268860000000000,1767268890000000000);
INSERT INTO "record_exposure" VALUES('Cam',2,'obs2',20260101,'g2','Cam-g',30.0,NULL,'science',NULL,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1767268920000000000,1767268950000000000);
INSERT INTO "record_exposure" VALUES('Cam',3,'obs3',20260101,'g3','Cam-r',30.0,NULL,'science',NULL,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1767268980000000000,1767269010000000000);
CREATE TABLE "record_group" ("instrument" TEXT NOT NULL, "group" TEXT NOT NULL, PRIMARY KEY ("instrument", "group")) WITHOUT ROWID;
INSERT INTO "record_group" VALUES('Cam','g0');
INSERT INTO "record_group" VALUES('Cam','g1');
INSERT INTO "record_group" VALUES('Cam','g2');
INSERT INTO "record_group" VALUES('Cam','g3');
CREATE TABLE "record_instrument" ("instrument" TEXT NOT NULL, "visit_max" INTEGER, "visit_system" INTEGER, "exposure_max" INTEGER, "detector_max" INTEGER, "class_name" TEXT, PRIMARY KEY ("instrument")) WITHOUT ROWID;
INSERT INTO "record_instrument" VALUES('Cam',NULL,0,NULL,NULL,'none');
CREATE TABLE "record_patch" ("skymap" TEXT NOT NULL, "tract" INTEGER NOT NULL, "patch" INTEGER NOT NULL, "cell_x" INTEGER, "cell_y" INTEGER, "region" BLOB, cap_x REAL, cap_y REAL, cap_z REAL, cap_cos REAL, cap_sin REAL, PRIMARY KEY ("skymap", "tract", "patch")) WITHOUT ROWID;
CREATE TABLE "record_physical_filter" ("instrument" TEXT NOT NULL, "physical_filter" TEXT NOT NULL, "band" TEXT, PRIMARY KEY ("instrument", "physical_filter")) WITHOUT ROWID;
INSERT INTO "record_physical_filter" VALUES('Cam','Cam-g','g');
INSERT INTO "record_physical_filter" VALUES('Cam','Cam-r','r');
CREATE TABLE "record_skymap" ("skymap" TEXT NOT NULL, "hash" BLOB, "tract_max" INTEGER, "patch_nx_max" INTEGER, "patch_ny_max" INTEGER, PRIMARY KEY ("skymap"), UNIQUE ("hash")) WITHOUT ROWID;
CREATE TABLE "record_ssp_balanced_index" ("ssp_hypothesis_table" TEXT NOT NULL, "ssp_balanced_index" INTEGER NOT NULL, PRIMARY KEY ("ssp_hypothesis_table", "ssp_balanced_index")) WITHOUT ROWID;
CREATE TABLE "record_ssp_hypothesis_bundle" ("ssp_hypothesis_table" TEXT NOT NULL, "ssp_hypothesis_bundle" INTEGER NOT NULL, PRIMARY KEY ("ssp_hypothesis_table", "ssp_hypothesis_bundle")) WITHOUT ROWID;
CREATE TABLE "record_ssp_hypothesis_table" ("ssp_hypothesis_table" TEXT NOT NULL, PRIMARY KEY ("ssp_hypothesis_table")) WITHOUT ROWID;
CREATE TABLE "record_subfilter" ("band" TEXT NOT NULL, "subfilter" INTEGER NOT NULL, PRIMARY KEY ("band", "subfilter")) WITHOUT ROWID;
CREATE TABLE "record_tract" ("skymap" TEXT NOT NULL, "tract" INTEGER NOT NULL, "region" BLOB, cap_x REAL, cap_y REAL, cap_z REAL, cap_cos REAL, cap_sin REAL, PRIMARY KEY ("skymap", "tract")) WITHOUT ROWID;
CREATE TABLE "record_visit" ("instrument" TEXT NOT NULL, "visit" INTEGER NOT NULL, "name" TEXT, "day_obs" INTEGER, "physical_filter" TEXT, "seq_num" INTEGER, "exposure_time" REAL, "target_name" TEXT, "observation_reason" TEXT, "science_program" TEXT, "azimuth" REAL, "zenith_angle" REAL, "region" BLOB, "timespan_begin" INTEGER, "timespan_end" INTEGER, cap_x REAL, cap_y REAL, cap_z REAL, cap_cos REAL, cap_sin REAL, PRIMARY KEY ("instrument", "visit"), UNIQUE ("instrument", "name")) WITHOUT ROWID;
CREATE TABLE "record_visit_definition" ("instrument" TEXT NOT NULL, "exposure" INTEGER NOT NULL, "visit" INTEGER NOT NULL, PRIMARY KEY ("instrument", "exposure", "visit")) WITHOUT ROWID;
CREATE TABLE "record_visit_detector_region" ("instrument" TEXT NOT NULL, "detector" INTEGER NOT NULL, "visit" INTEGER NOT NULL, "region" BLOB, cap_x REAL, cap_y REAL, cap_z REAL, cap_cos REAL, cap_sin REAL, PRIMARY KEY ("instrument", "detector", "visit")) WITHOUT ROWID;
CREATE TABLE "record_visit_system" ("instrument" TEXT NOT NULL, "visit_system" INTEGER NOT NULL, "name" TEXT, PRIMARY KEY ("instrument", "visit_system"), UNIQUE ("instrument", "name")) WITHOUT ROWID;
CREATE TABLE "record_visit_system_membership" ("instrument" TEXT NOT NULL, "visit_system" INTEGER NOT NULL, "visit" INTEGER NOT NULL, PRIMARY KEY ("instrument", "visit_system", "visit")) WITHOUT ROWID;
CREATE TABLE removed_dataset (
    id BLOB NOT NULL, type INTEGER NOT NULL, run INTEGER NOT NULL, added INTEGER NOT NULL, removed INTEGER NOT NULL,
    PRIMARY KEY (id, removed)
) WITHOUT ROWID
;
INSERT INTO "removed_dataset" VALUES(X'01A1FC91E6E371279A886A82485B083C',1,1,7,8);
CREATE TABLE tag_1 (type INTEGER NOT NULL, collection INTEGER NOT NULL, "instrument" TEXT NOT NULL, "detector" INTEGER NOT NULL, "exposure" INTEGER NOT NULL, id BLOB NOT NULL, run INTEGER NOT NULL, added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT 9223372036854775807, PRIMARY KEY ("type", "collection", "instrument", "exposure", "detector", "retired")) WITHOUT ROWID;
CREATE TABLE tag_2 (type INTEGER NOT NULL, collection INTEGER NOT NULL, "instrument" TEXT NOT NULL, "detector" INTEGER NOT NULL, id BLOB NOT NULL, run INTEGER NOT NULL, added INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT 9223372036854775807, PRIMARY KEY ("type", "collection", "instrument", "detector", "retired")) WITHOUT ROWID;
CREATE TABLE trash (
        datastore TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (key, datastore)
    ) WITHOUT ROWID
    ;
CREATE INDEX "record_physical_filter_band" ON "record_physical_filter" ("band");
CREATE INDEX dataset_artifact_by_artifact ON dataset_artifact (artifact);
CREATE INDEX dataset_1_id ON dataset_1 (id);
CREATE INDEX tag_1_id ON tag_1 (id);
CREATE INDEX calibration_1_id ON calibration_1 (id);
CREATE INDEX dataset_2_id ON dataset_2 (id);
CREATE INDEX tag_2_id ON tag_2 (id);
CREATE INDEX calibration_2_id ON calibration_2 (id);
COMMIT;
