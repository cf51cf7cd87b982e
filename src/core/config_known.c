/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The keys of drivers that configurations in the wild name and that have no
 * code here yet, so that their keys are recognised, shown, and their secrets
 * hidden. Once a driver is compiled in, its own table is asked first and its
 * rows here can go. The tables are never applied to a struct (offset 0).
 */

#include "core/config_internal.h"

#include <string.h>
#include <strings.h>

#define AKA(...) .aliases = (const char *const[]){ __VA_ARGS__, NULL }
#define STR(name, text, ...) \
	{ name, OPT_STR, .help = text, ##__VA_ARGS__ }
#define DFLT(name, kind, value, text, ...) \
	{ name, kind, .dflt = value, .help = text, ##__VA_ARGS__ }
#define SECRET(name, text, ...) \
	{ name, OPT_SECRET, .help = text, ##__VA_ARGS__ }
#define BOOL(name, value, text, ...) \
	{ name, OPT_BOOL, .dflt = value, .help = text, ##__VA_ARGS__ }

#define STATUS_POLLS(attempts, delay)                                        \
	DFLT("statusMaxAttempts", OPT_U64, attempts,                         \
	     "How often a state transition is polled."),                     \
	DFLT("statusInitialDelay", OPT_DURATION, delay,                      \
	     "First pause between polls; doubled after each."),              \
	DFLT("statusTimeout", OPT_DURATION, "2m",                            \
	     "Bound of one wait for a state.")

#define AWS_KEYS                                                             \
	STR("accessKey", "Id of a static key; empty: the chain of "          \
	    "credentials.", AKA("aws_access_key_id"),                        \
	    .env = "AWS_ACCESS_KEY"),                                        \
	SECRET("secretKey", "Static secret that belongs to accessKey.",      \
	       AKA("aws_secret_access_key"), .env = "AWS_SECRET_KEY"),       \
	STR("region", "Region; empty: the region of this instance."),        \
	STR("endpoint", "URL of the service; empty: by region."),            \
	DFLT("maxRetries", OPT_U64, "10", "Retries of one HTTP call."),      \
	STR("tag", "Namespace: the Name tag becomes TAG/VOLUME and only "    \
	    "such volumes are listed.")

static const struct opt_spec ebs_options[] = {
	AWS_KEYS,
	STR("kmsKeyID", "Key for volumes that are created encrypted."),
	BOOL("useLargeDeviceRange", "false",
	     "Device names xvdba to xvdcz in place of xvdf to xvdp."),
	STATUS_POLLS("10", "100ms"),
	DFLT("nvmeBinPath", OPT_PATH, "/usr/sbin/nvme",
	     "nvme-cli; devices are found without it."),
	STR("rexrayTag", "Old name of tag, used where tag is empty."),
	{ NULL }
};

static const struct opt_spec efs_options[] = {
	AWS_KEYS,
	DFLT("endpointFormat", OPT_STR, "elasticfilesystem.%s.amazonaws.com",
	     "Host of the service, %s being the region; endpoint wins."),
	{ "securityGroups", OPT_LIST,
	  .help = "Security groups of new mount targets." },
	BOOL("disableSessionCache", "false", "New credentials for each call."),
	STATUS_POLLS("6", "1s"),
	{ NULL }
};

static const struct opt_spec s3fs_options[] = {
	STR("accessKey", "Id of the key for the S3 API and the s3fs process.",
	    .env = "AWS_ACCESS_KEY"),
	SECRET("secretKey", "Secret that belongs to accessKey.",
	       .env = "AWS_SECRET_KEY"),
	DFLT("region", OPT_STR, "us-east-1", "Where new buckets go."),
	DFLT("cmd", OPT_STR, "s3fs", "The program; by PATH without a slash."),
	{ "options", OPT_LIST, .help = "Values for -o of s3fs." },
	STR("hostName", "Id of this machine; default its host name."),
	STR("endpoint", "An S3-compatible server."),
	BOOL("disablePathStyle", "false",
	     "Buckets as part of the host name in API calls."),
	DFLT("maxRetries", OPT_U64, "10", "Retries of one HTTP call."),
	STR("tag", "Without effect: bucket names cannot hold it."),
	{ NULL }
};

static const struct opt_spec fittedcloud_options[] = {
	AWS_KEYS,
	STR("kmsKeyID", "Key for volumes that are created encrypted."),
	STATUS_POLLS("10", "100ms"),
	{ NULL }
};

static const struct opt_spec rbd_options[] = {
	DFLT("defaultPool", OPT_STR, "rbd", "Pool of names without one."),
	{ "pools", OPT_LIST, .help = "Pools that are listed; empty: all with "
	  "the application rbd." },
	STR("namespace", "rados namespace."),
	BOOL("testModule", "true", "Load the kernel module rbd at start."),
	STR("cephArgs", "CEPH_ARGS for each call of ceph and rbd."),
	DFLT("cluster", OPT_STR, "ceph", "Name of the cluster."),
	{ "conf", OPT_PATH, .help = "Configuration of ceph; default "
	  "/etc/ceph/CLUSTER.conf." },
	DFLT("user", OPT_STR, "admin", "ceph user, without \"client.\"."),
	{ "keyring", OPT_PATH, .help = "Keyring; default as conf says." },
	DFLT("imageFeatures", OPT_LIST, "layering\nexclusive-lock",
	     "Features of new images."),
	DFLT("objectSize", OPT_SIZE, "4M", "Object size of new images."),
	STR("mapOptions", "Added to -o of rbd map."),
	DFLT("mapper", OPT_CHOICE, "krbd", "What makes the block device.",
	     .choices = (const char *const[]){ "krbd", "nbd", NULL }),
	BOOL("removeToTrash", "false", "Move images to the trash instead."),
	DFLT("fence", OPT_CHOICE, "off", "Fencing of another host.",
	     .choices = (const char *const[]){ "off", "blocklist", NULL }),
	DFLT("fenceSeconds", OPT_U64, "86400", "Life of a blocklist entry."),
	DFLT("commandTimeout", OPT_DURATION, "60s",
	     "A call of ceph or rbd is killed after it."),
	STR("instanceID", "Id of this machine; default found out."),
	{ NULL }
};

#define CINDER_KEYS(auth_dflt)                                               \
	{ "authURL", OPT_STR, .dflt = auth_dflt, .env = "OS_AUTH_URL",       \
	  .help = "Keystone, with or without version." },                    \
	STR("userID", "User by id.", .env = "OS_USER_ID OS_USERID"),         \
	STR("userName", "User by name.", .env = "OS_USERNAME"),              \
	SECRET("password", "Password of the user.", .env = "OS_PASSWORD"),   \
	SECRET("tokenID", "A token issued before; it cannot be renewed.",    \
	       AKA("token"), .env = "OS_TOKEN OS_AUTH_TOKEN"),               \
	STR("tenantID", "Project by id.", AKA("projectID"),                  \
	    .env = "OS_PROJECT_ID OS_TENANT_ID"),                            \
	STR("tenantName", "Project by name.", AKA("projectName"),            \
	    .env = "OS_PROJECT_NAME OS_TENANT_NAME"),                        \
	STR("domainID", "Domain of user and project by id.",                 \
	    .env = "OS_DOMAIN_ID"),                                          \
	STR("domainName", "Domain of user and project by name.",             \
	    .env = "OS_DOMAIN_NAME")

static const struct opt_spec cinder_options[] = {
	CINDER_KEYS(NULL),
	STR("userDomainID", "Domain of the user by id.",
	    .env = "OS_USER_DOMAIN_ID"),
	STR("userDomainName", "Domain of the user by name.",
	    .env = "OS_USER_DOMAIN_NAME"),
	STR("projectDomainID", "Domain of the project by id.",
	    .env = "OS_PROJECT_DOMAIN_ID"),
	STR("projectDomainName", "Domain of the project by name.",
	    .env = "OS_PROJECT_DOMAIN_NAME"),
	STR("applicationCredentialID", "Application credential by id.",
	    .env = "OS_APPLICATION_CREDENTIAL_ID"),
	STR("applicationCredentialName", "Application credential by name.",
	    .env = "OS_APPLICATION_CREDENTIAL_NAME"),
	SECRET("applicationCredentialSecret", "Its secret.",
	       .env = "OS_APPLICATION_CREDENTIAL_SECRET"),
	STR("trustID", "Trust (v3).", .env = "OS_TRUST_ID"),
	STR("regionName", "Region; empty: any.", .env = "OS_REGION_NAME"),
	DFLT("interface", OPT_STR, "public", "public, internal or admin.",
	     AKA("endpointType"), .env = "OS_INTERFACE OS_ENDPOINT_TYPE"),
	STR("availabilityZoneName", "Zone of new volumes.",
	    .env = "OS_AVAILABILITY_ZONE_NAME"),
	STR("volumeType", "Type of new volumes."),
	STR("blockStorageEndpoint", "URL in place of the catalog's."),
	STR("computeEndpoint", "URL in place of the catalog's."),
	{ "caCert", OPT_PATH, .env = "OS_CACERT", .help = "PEM bundle." },
	BOOL("insecure", "false", "Do not verify certificates.",
	     .env = "OS_INSECURE"),
	{ "clientCert", OPT_PATH, .env = "OS_CERT",
	  .help = "Certificate of ours." },
	{ "clientKey", OPT_PATH, .env = "OS_KEY", .help = "Its key." },
	STR("cloud", "Name in clouds.yaml.", .env = "OS_CLOUD"),
	{ "cloudsFile", OPT_PATH, .env = "OS_CLIENT_CONFIG_FILE",
	  .help = "clouds.yaml." },
	DFLT("attachTimeout", OPT_DURATION, "1m", "Wait for attach, detach."),
	DFLT("createTimeout", OPT_DURATION, "10m", "Wait for a create."),
	DFLT("deleteTimeout", OPT_DURATION, "10m", "Wait for a delete."),
	DFLT("snapshotTimeout", OPT_DURATION, "10m", "Wait for a snapshot."),
	STR("instanceID", "Id of this machine; default found out."),
	DFLT("metadataSearchOrder", OPT_STR,
	     "metadataService,configDrive,dmi", "How to find it out."),
	DFLT("requestTimeout", OPT_DURATION, "60s", "One HTTP call."),
	DFLT("connectTimeout", OPT_DURATION, "10s", "One connection."),
	{ NULL }
};

static const struct opt_spec rackspace_options[] = {
	CINDER_KEYS("https://identity.api.rackspacecloud.com/v2.0"),
	SECRET("apiKey", "API key in place of the password."),
	{ NULL }
};

static const struct opt_spec gcepd_options[] = {
	{ "keyfile", OPT_PATH, .help = "JSON key of a service account; empty: "
	  "application default credentials." },
	STR("zone", "Only this zone is visible; empty: the instance's."),
	DFLT("defaultDiskType", OPT_STR, "pd-ssd", "Type of new disks."),
	STR("tag", "Value of the label libstoragetag; only such are listed."),
	STATUS_POLLS("10", "100ms"),
	BOOL("convertUnderscores", "false", "'_' in new names becomes '-'."),
	STR("projectID", "Project in place of the credentials'."),
	STR("endpoint", "URL of the API."),
	STR("tokenURL", "URL that issues tokens."),
	STR("metadataHost", "Host of the metadata.",
	    .env = "GCE_METADATA_HOST"),
	{ NULL }
};

static const struct opt_spec azureud_options[] = {
	STR("subscriptionID", "Subscription."),
	STR("resourceGroup", "Group of the machines and of new disks."),
	STR("tenantID", "Directory."),
	STR("storageAccount", "Storage account of unmanaged disks."),
	SECRET("storageAccessKey", "Its key 1 or 2."),
	STR("clientID", "Application id."),
	SECRET("clientSecret", "Secret of the application."),
	{ "certPath", OPT_PATH, .help = "PKCS#12 file in its place." },
	SECRET("certPassword", "Password of certPath."),
	DFLT("container", OPT_STR, "vhds", "Container of the blobs."),
	BOOL("useHTTPS", "true", "For the storage endpoint."),
	STR("tag", "Only volumes with this tag are listed."),
	DFLT("mode", OPT_CHOICE, "unmanaged", "Kind of disks.",
	     .choices = (const char *const[]){ "unmanaged", "managed",
					       NULL }),
	{ "auth", OPT_CHOICE, .help = "How to log in; default by what is set.",
	  .choices = (const char *const[]){ "secret", "cert", "msi", NULL } },
	DFLT("sku", OPT_STR, "StandardSSD_LRS", "Type of new managed disks."),
	STR("location", "Location; default the machine's."),
	STR("zone", "Zone; default the machine's."),
	DFLT("caching", OPT_STR, "None", "Host caching of attached disks."),
	DFLT("cloud", OPT_STR, "public", "public, usgov, china or stack."),
	STR("armEndpoint", "URL of the resource manager."),
	STR("loginEndpoint", "URL of the login."),
	STR("blobEndpoint", "URL of the blob service."),
	STR("imdsEndpoint", "URL of the instance metadata."),
	{ NULL }
};

static const struct opt_spec dobs_options[] = {
	SECRET("token", "API token."),
	STR("region", "Region; empty: this droplet's."),
	STATUS_POLLS("10", "100ms"),
	BOOL("convertUnderscores", "false", "'_' in new names becomes '-'."),
	STR("endpoint", "URL of the API."),
	STR("metadataEndpoint", "URL of the metadata."),
	STR("tag", "Tag of new volumes, and the filter of listings."),
	{ NULL }
};

static const struct opt_spec virtualbox_options[] = {
	DFLT("endpoint", OPT_STR, "http://10.0.2.2:18083",
	     "vboxwebsrv of the host."),
	STR("userName", "Login."),
	SECRET("password", "Its password."),
	BOOL("tls", "false", "The endpoint must be https."),
	{ "caFile", OPT_PATH, .help = "A private CA." },
	{ "volumePath", OPT_STR, .literal = true,
	  .help = "Directory of the images on the host, absolute." },
	DFLT("controllerName", OPT_STR, "SATA", "Controller of the machine."),
	STR("localMachineNameOrId", "This machine, for development."),
	DFLT("diskIDPath", OPT_PATH, "/dev/disk/by-id", "Where disks show."),
	DFLT("scsiHostPath", OPT_PATH, "/sys/class/scsi_host/",
	     "What is scanned."),
	DFLT("format", OPT_CHOICE, "vmdk", "Format of new images.",
	     .choices = (const char *const[]){ "vmdk", "vdi", "vhd", NULL }),
	{ NULL }
};

static const struct opt_spec isilon_options[] = {
	STR("endpoint", "https://HOST:8080.", .env = "GOISILON_ENDPOINT"),
	BOOL("insecure", "false", "Do not verify certificates.",
	     .env = "GOISILON_INSECURE"),
	STR("userName", "Account.", .env = "GOISILON_USERNAME"),
	STR("group", "Group of new directories.", .env = "GOISILON_GROUP"),
	SECRET("password", "Its password.", .env = "GOISILON_PASSWORD"),
	DFLT("volumePath", OPT_STR, "/ifs/volumes", "Parent of the volumes.",
	     .env = "GOISILON_VOLUMEPATH"),
	STR("nfsHost", "Host of the NFS source."),
	STR("dataSubnet", "CIDR; our address in it is put into exports.",
	    AKA("dataSubnets")),
	BOOL("quotas", "false", "SmartQuotas are licensed: size is a quota."),
	BOOL("sharedMounts", "false", "Many clients at once."),
	{ NULL }
};

static const struct opt_spec scaleio_options[] = {
	STR("endpoint", "https://GATEWAY/api.", .env = "GOSCALEIO_ENDPOINT"),
	BOOL("insecure", "false", "Do not verify certificates.",
	     .env = "GOSCALEIO_INSECURE"),
	BOOL("useCerts", "true", "Use the system's certificates.",
	     .env = "GOSCALEIO_USECERTS"),
	STR("userID", "Without effect."),
	STR("userName", "User of the gateway.", .env = "GOSCALEIO_USERNAME"),
	SECRET("password", "Its password.", .env = "GOSCALEIO_PASSWORD"),
	STR("systemID", "System by id.", .env = "GOSCALEIO_SYSTEMID"),
	STR("systemName", "System by name.",
	    .env = "GOSCALEIO_SYSTEMNAME GOSCALEIO_SYSTEM"),
	STR("protectionDomainID", "Protection domain by id.",
	    .env = "GOSCALEIO_PROTECTIONDOMAINID"),
	STR("protectionDomainName", "Protection domain by name.",
	    .env = "GOSCALEIO_PROTECTIONDOMAIN"),
	STR("storagePoolID", "Storage pool by id.",
	    .env = "GOSCALEIO_STORAGEPOOLID"),
	STR("storagePoolName", "Storage pool by name.",
	    .env = "GOSCALEIO_STORAGEPOOL"),
	DFLT("thinOrThick", OPT_STR, "ThinProvisioned",
	     "or ThickProvisioned.", AKA("thinkOrThick"),
	     .env = "GOSCALEIO_THINORTHICK"),
	STR("version", "Version of the API; default found out.",
	    AKA("apiVersion"), .env = "GOSCALEIO_VERSION"),
	STR("guid", "GUID of this SDC; default from drvCfg."),
	DFLT("drvCfg", OPT_PATH, "/opt/emc/scaleio/sdc/bin/drv_cfg",
	     "Program that tells the GUID."),
	{ NULL }
};

static const struct opt_spec xtremio_options[] = {
	STR("endpoint", "https://XMS/api/json.", .env = "GOXTREMIO_ENDPOINT"),
	STR("userName", "Account.", .env = "GOXTREMIO_USERNAME"),
	SECRET("password", "Its password.", .env = "GOXTREMIO_PASSWORD"),
	BOOL("insecure", "false", "Do not verify certificates.",
	     .env = "GOXTREMIO_INSECURE"),
	BOOL("deviceMapper", "false", "Devices are dm-name links.",
	     .env = "REXRAY_XTREMIO_DM"),
	BOOL("multipath", "false", "Devices are multipath maps.",
	     .env = "REXRAY_XTREMIO_MULTIPATH"),
	BOOL("remoteManagement", "false", "Do not look at local devices.",
	     .env = "REXRAY_REMOTEMANAGEMENT"),
	{ NULL }
};

static const struct opt_spec vfs_options[] = {
	{ "root", OPT_PATH, .help = "Directory; a directory a volume." },
	{ NULL }
};

/* @roots: the names of the driver's block, in the order they are asked. */
static const struct known {
	const char *driver;
	const struct opt_spec *options;
	const char *roots[5];
} known_drivers[] = {
	{ "azureud", azureud_options, { "azureud", NULL } },
	{ "cinder", cinder_options, { "cinder", "openstack", NULL } },
	{ "dobs", dobs_options, { "dobs", NULL } },
	{ "ebs", ebs_options, { "ebs", "aws", "ec2", NULL } },
	{ "efs", efs_options, { "efs", NULL } },
	{ "fittedcloud", fittedcloud_options,
	  { "fittedcloud", "ebs", "aws", "ec2", NULL } },
	{ "gcepd", gcepd_options, { "gcepd", "gce", NULL } },
	{ "isilon", isilon_options, { "isilon", NULL } },
	{ "rackspace", rackspace_options, { "rackspace", NULL } },
	{ "rbd", rbd_options, { "rbd", NULL } },
	{ "s3fs", s3fs_options, { "s3fs", NULL } },
	{ "scaleio", scaleio_options, { "scaleio", NULL } },
	{ "vfs", vfs_options, { "vfs", NULL } },
	{ "virtualbox", virtualbox_options, { "virtualbox", NULL } },
	{ "xtremio", xtremio_options, { "xtremio", NULL } },
};

static const struct known *known_find(const char *driver)
{
	size_t i;

	for (i = 0; i < sizeof(known_drivers) / sizeof(*known_drivers); i++)
		if (!strcmp(known_drivers[i].driver, driver))
			return &known_drivers[i];
	return NULL;
}

const struct opt_spec *config_known_options(const char *driver)
{
	const struct known *known = known_find(driver);

	return known ? known->options : NULL;
}

const char *const *conf_driver_roots(const char *driver)
{
	const struct known *known = known_find(driver);

	return known ? known->roots : NULL;
}

const char *const *conf_all_roots(void)
{
	static const char *const roots[] = {
		"aws", "azureud", "btrfs", "cinder", "dobs", "ebs", "ec2",
		"efs", "fittedcloud", "gce", "gcepd", "isilon", "local", "nfs",
		"openstack", "rackspace", "rbd", "s3fs", "scaleio", "sim",
		"vfs", "virtualbox", "xtremio", NULL
	};

	return roots;
}

const char *config_driver_canonical(const char *name)
{
	static const struct {
		const char *alias, *driver;
	} aliases[] = {
		{ "aws", "ebs" }, { "ec2", "ebs" }, { "gce", "gcepd" },
		{ "openstack", "cinder" },
	};
	const char *const *root;
	size_t i;

	for (i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (!strcasecmp(aliases[i].alias, name))
			return aliases[i].driver;
	for (root = conf_all_roots(); *root; root++)
		if (!strcasecmp(*root, name))
			return *root;
	return name;
}
