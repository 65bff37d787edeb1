/* dlopen, dlsym, dlclose, again and again; a library's constructor and TLS. modes: all */
#include "check.h"

#include <dlfcn.h>

int main(void)
{
	double (*cosine)(double);
	void *lib = NULL;

	for (int i = 0; i < 5; i++) {
		lib = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
		CHECK(lib);
		*(void **)&cosine = dlsym(lib, "cos");
		CHECK(cosine && cosine(0) == 1.0);
		printf("cos at %p\n", *(void **)&cosine);
		CHECK(dlclose(lib) == 0);
	}
	lib = dlopen("libresolv.so.2", RTLD_LAZY | RTLD_GLOBAL);
	if (lib)
		CHECK(dlsym(lib, "ns_get16") || dlsym(lib, "__p_class") || dlerror());
	CHECK(!dlopen("/nonexistent.so", RTLD_NOW));
	printf("%s\n", dlerror());
	return 0;
}
