"""A client of gdb's protocol, for what gdb itself would not do.

usage: client.py PORT ACTION...
    interrupt       let it run, and interrupt it
    vanish          leave in the middle of a packet
    leave           let it run, and leave
    end             ask for the end of the server (k)
    connects N PID  connect and leave N times: the server PID must be as it was after the first ten
"""
import os
import socket
import sys
import time


class Client:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.data = b""
        assert self.ask("QStartNoAckMode", ack=True) == "OK"

    def send(self, text, ack=False):
        raw = text.encode("latin-1")
        self.s.sendall((b"+" if ack else b"") + b"$%s#%02x" % (raw, sum(raw) % 256))

    def answer(self):
        while b"#" not in self.data or len(self.data) < self.data.index(b"#") + 3:
            more = self.s.recv(65536)
            if not more:
                raise EOFError
            self.data += more
        end = self.data.index(b"#")
        packet = self.data[: end].lstrip(b"+")[1:]
        self.data = self.data[end + 3 :]
        return packet.decode("latin-1")

    def ask(self, text, ack=False):
        self.send(text, ack)
        return self.answer()


def state(pid):
    fds = len(os.listdir("/proc/%d/fd" % pid))
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return fds, len(f.read().split())


def resident(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(next(l for l in f if l.startswith("VmRSS")).split()[1])


def at_rest(port, pid):
    c = Client(port)
    c.ask("?")
    found = state(pid)
    c.s.close()
    return found


def main():
    port, action = int(sys.argv[1]), sys.argv[2]
    if action == "connects":
        n, pid = int(sys.argv[3]), int(sys.argv[4])
        for i in range(n):
            c = Client(port)
            c.ask("Z0,401000,1")
            c.ask("vFile:open:2f62696e2f7368,0,0")
            c.ask("?")
            c.s.close()
            if i == 10:
                before, kept = at_rest(port, pid), resident(pid)
        after = at_rest(port, pid)
        assert after == before, (before, after)
        assert resident(pid) < kept + 1024, (kept, resident(pid))
        print("%d connects, %d fds, %d processes" % ((n,) + after))
        return
    c = Client(port)
    if action == "interrupt":
        start = time.time()
        c.send("vCont;c")
        time.sleep(0.3)
        c.s.sendall(b"\x03")
        reply = c.answer()
        assert reply.startswith("T02"), reply
        assert c.ask("m1000,1").startswith("E")
        print("interrupted" if time.time() - start < 10 else "too late")
    elif action == "vanish":
        c.s.sendall(b"$m10")
    elif action == "leave":
        c.send("vCont;c")
        time.sleep(0.3)
    elif action == "end":
        c.send("k")
        assert c.s.recv(1) == b""
    c.s.close()


main()
