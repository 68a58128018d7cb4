"""How passwords are kept."""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

# OWASP's cheaper argon2id (19 MiB, 2 passes, 1 lane), about 50 ms: the dearer default takes
# 300 ms and 64 MiB, so that a handful of logins a second would stop the whole shop.
HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),))
