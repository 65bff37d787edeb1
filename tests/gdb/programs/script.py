import os
import signal


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


numbers = [fib(n) for n in range(12)]
print(numbers, len(os.urandom(34)))
signal.signal(signal.SIGUSR1, lambda *args: None)
os.kill(os.getpid(), signal.SIGUSR1)
numbers = [fib(n) for n in range(10)]
