"""What each service may do in Redis: its own keys, the commands we use, and to read whether a session lives.

One text for every place that has users: ElastiCache (`deploy/terraform/modules/cache`), compose, `make up`, tests.
"""

from typing import Final

from libs.topology import SERVICES

SESSION_KEEPER: Final = "auth"
"""Who writes sessions; the others can read that one is there, and neither make, prolong nor end one."""

# `@connection` holds what a client sends when it connects; `-@dangerous` and `-@admin` take CLIENT KILL and the like
# out of it, with all that a cluster's map is asked for by, which therefore comes last.
_COMMANDS: Final = (
    "-@all +@connection +@pubsub +eval +time +readonly +get +set +mget +del +incr +expire +pexpire +hset +hget +hmget"
    " +sadd +srem +smembers -@dangerous -@admin +cluster|slots"
)


def access_string(service: str) -> str:
    """Return a service's rights in the words of ACL SETUSER, which are ElastiCache's access strings too."""
    keys = [f"~limit:{service}:*", f"~cache:{service}:*", "%R~session:*"]
    if service == SESSION_KEEPER:
        keys[-1:] = ["~session:*", "~sessions-of:*"]
    return f"on {' '.join(keys)} resetchannels &hints:{service}:* {_COMMANDS}"


def acl_file(passwords: dict[str, str]) -> str:
    """Return an ACL file with a user per service and nobody else, given their passwords."""
    users = [
        f"user {service} reset >{passwords[service]} {access_string(service)}"
        for service in SERVICES
    ]
    return "".join(f"{line}\n" for line in ("user default reset off", *users))
