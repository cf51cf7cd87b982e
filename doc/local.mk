dist_man_MANS += doc/volctl.1
