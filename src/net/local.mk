# HTTP and JSON, for the drivers that speak to a service.
libvolfs_core_a_SOURCES += \
	src/net/curl.c src/net/curl.h \
	src/net/http.c src/net/http.h \
	src/net/http_engine.c src/net/http_internal.h \
	src/net/json.c src/net/json.h
