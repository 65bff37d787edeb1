import os


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


numbers = [fib(n) for n in range(12)]
print(numbers, len(os.urandom(4)))
