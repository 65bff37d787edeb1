"""In gdb: what the server of $SERVER, and the processes that it replays, cost."""
import os

SERVER = int(os.environ["SERVER"])
TICK = os.sysconf("SC_CLK_TCK")


def stat(pid):
    try:
        with open("/proc/%s/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def processes():
    """Its children, which include all copies of the tracees."""
    all = {int(pid): stat(pid) for pid in os.listdir("/proc") if pid.isdigit()}
    return {pid: s for pid, s in all.items() if s and (int(s[1]) == SERVER or pid == SERVER)}


def cpu():
    """Seconds, with those of gdb."""
    own = os.times()
    ticks = 0
    for pid, s in processes().items():
        ticks += sum(map(int, s[11:15] if pid == SERVER else s[11:13]))
    return ticks / TICK + own.user + own.system


def field(pid, file, name):
    with open("/proc/%d/%s" % (pid, file)) as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def memory():
    """kB: pages, and the tables of pages, of which each copy has its own."""
    return sum(field(pid, "smaps_rollup", "Pss") + field(pid, "status", "VmPTE") for pid in processes())
