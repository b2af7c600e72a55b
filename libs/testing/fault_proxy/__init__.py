"""A TCP proxy that makes trouble on demand, between any two processes of the shop.

Put one *edge* in front of each address that shall become unreliable, and give the edge's address to its users. An edge
listens on one port and forwards every connection to one upstream: `host:port`, or the path of a unix socket. Its fault
(`libs.testing.fault_proxy.fault.Fault`) can be changed at any time, and holds for connections that are open already.

In a test's own event loop:

    async with Edge("redis", "127.0.0.1:6379") as edge:   # edge.port, edge.counts
        await edge.apply(Fault(blackhole=True))
        await edge.heal()

As a process of its own, which the machinery of a test cannot slow down (`libs.testing.fault_proxy.process`):

    python -m libs.testing.fault_proxy --control 127.0.0.1:9900 --seed 7 --edge redis=16379:127.0.0.1:6379 --edge db=0:/run/.s.PGSQL.5432

`--edge name=port:upstream`; port 0 takes a free one. Control is JSON over HTTP, on an address or on a unix socket
(`--control unix:/path`):

    GET    /livez                  answers once every edge listens
    GET    /edges                  every edge: name, port, upstream, fault, counts
    PUT    /edges/{name}           body {"upstream": ..., "port": 0}: adds an edge
    PUT    /edges/{name}/fault     body: the members of Fault, such as {"latency_seconds": 2}
    DELETE /edges/{name}/fault     heals it
    DELETE /edges/fault            heals all

The seed decides on jitter and on which connections a fault of less than all of them hits.
"""
