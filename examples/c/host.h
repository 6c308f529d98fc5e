#ifndef HOST_H
#define HOST_H

/* Prints a text, ended by a zero, on the host: QEMU or a debugger. */
void host_print(const char *text);

#endif
