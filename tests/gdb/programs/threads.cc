// For sessions: threads that change shared data, in C++.
#include "tour.h"

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct Account {
	std::mutex lock;
	std::condition_variable changed;
	int balance = 0;
	int turn = 0;

	void deposit(int who, int amount)
	{
		std::unique_lock<std::mutex> held(lock);
		changed.wait(held, [&] { return turn == who; });
		balance += amount;
		turn = (turn + 1) % 3;
		changed.notify_all();
	}
};

static Account account;
static thread_local int deposits = 100;

static void work(int who)
{
	for (int round = 0; round < 5; round++)
		account.deposit(who, who + 1), deposits++;
}

int main()
{
	std::vector<std::thread> threads;

	for (int who = 0; who < 3; who++)
		threads.emplace_back(work, who);
	for (auto &t : threads)
		t.join();
	std::thread([] { deposits += tour(5); }).join();
	std::string text = "balance " + std::to_string(account.balance);
	puts(text.c_str());
	return 0;
}
