/* SPDX-License-Identifier: ISC */
#include "state/members.h"

static const char vm_names[] =
    "id name description user hypervisor state error config.cpu "
    "config.memory config.storage config.console_max config.agent config.cgroup config.image "
    "config.kernel config.initrd "
    "config.firmware config.firmware_vars config.cmdline config.machine "
    "config.cpu_model config.saved_version config.memory_backing "
    "config.accel storage_configs.#.path storage_configs.#.ro "
    "storage_configs.#.serial storage_configs.#.role "
    "storage_configs.#.mount_point storage_configs.#.fstype "
    "storage_configs.#.direct_io storage_configs.#.size "
    "storage_configs.#.backing.# network_configs.#.type "
    "network_configs.#.mac network_configs.#.ifname "
    "network_configs.#.ip network_configs.#.gw "
    "network_configs.#.restrict network_configs.#.link_down "
    "network_configs.#.mac_pending "
    "network_configs.#.forward.#.addr "
    "network_configs.#.forward.#.port "
    "network_configs.#.forward.#.guest_port "
    "network_configs.#.forward.#.host_port cloned_from "
    "snapshot_ids.# depends_on auto_remove identity.vmgenid identity.mac "
    "identity.instance_id identity.hostname "
    "identity.clock.behind_s identity.refresh.*.result "
    "identity.refresh.*.ms identity.refresh.*.why memory_backing memory_from "
    "memory_at_risk accel confined.unconfined confined.landlock "
    "confined.filesystem confined.tcp confined.scoped confined.calls "
    "confined.capabilities cgroup.path cgroup.memory cgroup.memory_peak "
    "cgroup.memory_max cgroup.oom_kills cgroup.cpu_us cgroup.cpu_weight "
    "cgroup.io_weight cgroup.io_read cgroup.io_written cgroup.pids "
    "cgroup.pids_max restored_from restored_at saved_at "
    "created_at updated_at started_at stopped_at console_log dir "
    "pid api_socket console_socket";

static const char snap_names[] =
    "id name description hypervisor vm_id cpu memory storage "
    "console_max nics "
    "image image_digest image_type created_at consistent last_accessed_at "
    "files.# layers_missing.#.name layers_missing.#.size "
    "layers_missing.#.digest "
    "layers.#.name layers.#.size layers.#.digest layers.#.here "
    "dir size disk_usage working_set signed.#";

const struct members vm_members = { .names = vm_names };
const struct members snap_members = { .names = snap_names };
const struct members label_members = { "replaced", &snap_members };
