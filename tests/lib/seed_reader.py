# SPDX-License-Identifier: ISC
# usage: seed_reader.py merge DIR       the files of a seed as cloud-init reads
#                                     them: meta-data, merged config, network
#        seed_reader.py fstab DIR       what its mounts become in fstab(5)
#        seed_reader.py KIND DIR OUT    what its networks become with netplan,
#                                     networkd or eni, in files below OUT
# With the modules of the cloud-init that is installed, nothing being set up.
import inspect
import json
import logging
import os
import sys
import tempfile
from unittest import mock

# By netplan's own module cloud-init 25 writes to /etc/netplan, whatever the
# directory that it is told.
sys.modules["netplan"] = None

from cloudinit import handlers, helpers, util
from cloudinit.cmd.devel import net_convert
from cloudinit.config import cc_mounts
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
from cloudinit.sources import DataSourceNoCloud as nocloud
from cloudinit.user_data import UserDataProcessor

logging.disable(logging.CRITICAL)
what, seed = sys.argv[1:3]

if what in ("eni", "netplan", "networkd"):
    words = ["-p", os.path.join(seed, "network-config"), "-k", "yaml"]
    words += ["-O", what, "-D", "debian", "-d", sys.argv[3]]
    for i in range(9):
        words += ["-m", "eth%d,52:54:00:12:34:5%d" % (i, i)]
    # networkd's files would go to a user whom this machine may not have.
    with mock.patch.object(util, "chownbyname"):
        net_convert.handle_args("", net_convert.get_parser().parse_args(words))
    sys.exit()

tmp = tempfile.mkdtemp(dir=".")
paths = helpers.Paths({"cloud_dir": tmp, "run_dir": tmp})
os.makedirs(os.path.join(tmp, "seed"))
os.symlink(os.path.abspath(seed), os.path.join(tmp, "seed", "nocloud"))
source = nocloud.DataSourceNoCloud({"fs_label": None}, None, paths)
if not source._get_data():
    sys.exit("cloud-init does not take it for a seed")

message = UserDataProcessor(paths).process(source.get_userdata_raw())
config = CloudConfigPartHandler(paths)
config.cloud_fn = os.path.join(tmp, "merged")
config.handle_part(None, handlers.CONTENT_START, None, None, None, None)
others = []
for part in message.walk():
    if part.get_content_maintype() == "multipart":
        continue
    payload = util.fully_decoded_payload(part)
    kind = part.get_content_type()
    if kind == "text/x-not-multipart":
        kind = handlers.type_from_starts_with(payload) or kind
    if kind == "text/cloud-config":
        config.handle_part(
            None, kind, part.get_filename() or "p", payload, None, part
        )
    else:
        others.append([kind, payload])
config.handle_part(None, handlers.CONTENT_END, None, None, None, None)
merged = util.load_yaml(open(config.cloud_fn).read(), default={})

if what == "merge":
    os.rename(config.cloud_fn, "merged")
    print(
        json.dumps(
            {
                "meta": source.metadata,
                "dsmode": source.dsmode,
                "config": merged,
                "others": others,
                "network": source._network_config,
                "vendor": source.vendordata_raw,
            }
        )
    )
else:
    with mock.patch.object(cc_mounts, "FSTAB_PATH", "fstab"), mock.patch.object(
        cc_mounts, "sanitize_devname", lambda name, *rest, **more: name
    ), mock.patch.object(util, "ensure_dir"), mock.patch(
        "cloudinit.subp.subp"
    ), mock.patch.object(cc_mounts, "handle_swapcfg", lambda cfg: None):
        open("fstab", "w").close()
        cloud = mock.MagicMock()
        # Up to 23.1 it takes a logger, too.
        more = [logging.getLogger(), []]
        del more[: 5 - len(inspect.signature(cc_mounts.handle).parameters)]
        cc_mounts.handle("mounts", merged, cloud, *more)
