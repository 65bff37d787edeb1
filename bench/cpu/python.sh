# A loop, calls, objects and strings of an interpreter.
needs=python3
command=("$(python3 -c 'import sys; print(sys.executable)')" -c "
class Node:
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None
    def add(self, key):
        side = 'left' if key < self.key else 'right'
        child = getattr(self, side)
        if child is None:
            setattr(self, side, Node(key))
        else:
            child.add(key)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
for times in range($(scaled 20)):
    d = {}
    for i in range(400000):
        d[i % 1000] = d.get(i % 997, 0) + i * 3 % 7
    tree = Node(0)
    for i in range(10000):
        tree.add(i * 7919 % 10007)
    words = sorted(str(i * 31 % 977) for i in range(50000))
print(sum(d.values()), fib(20), len(' '.join(words)))
")
