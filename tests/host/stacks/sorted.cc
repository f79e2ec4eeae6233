// SPDX-License-Identifier: Apache-2.0
// One getpgid() below templates, a lambda and std::function.
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace work {
template <typename Value> struct Table {
	std::map<Value, int> found;
	__attribute__((noinline)) int visit(const std::function<int(const Value &)> &each)
	{
		int sum = 0;
		for (auto &pair : found)
			sum += each(pair.first);
		return sum;
	}
};

struct Base {
	virtual ~Base() = default;
	virtual int run(int) = 0;
};

struct Derived : Base {
	__attribute__((noinline)) int run(int value) override
	{
		return syscall(SYS_getpgid, 0) > 0 ? value : 0;
	}
};
}

int main(int count, char **)
{
	work::Table<std::string> table{{{"one", 1}}};
	std::vector<int> values{3, 1, 2};
	work::Base *base = new work::Derived;
	int sum = 0;

	std::sort(values.begin(), values.end(), [&](int a, int b) {
		if (!sum)
			sum = table.visit([&](const std::string &name) { return base->run(name.size() + count); }) + 1;
		return a < b;
	});
	return sum == 0;
}
