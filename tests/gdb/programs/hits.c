/* A breakpoint here is met many times. */
volatile unsigned sink;

void hit(unsigned n)
{
	sink += n;
}

int main(void)
{
	for (unsigned i = 0; i < 100000; i++)
		hit(i);
	return 0;
}
