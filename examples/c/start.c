/* The vector table and the start of a Cortex-M4F, and the host by semihosting. */
#include <stdint.h>

#include "host.h"

extern uint32_t stack_top[], data_start[], data_end[], data_load[], bss_start[], bss_end[];

int main(void);

void host_print(const char *text)
{
    register uint32_t operation __asm__("r0") = 0x04; /* SYS_WRITE0 */
    register const char *parameter __asm__("r1") = text;
    __asm__ volatile("bkpt 0xab" : "+r"(operation) : "r"(parameter) : "memory");
}

static void host_exit(int status)
{
    register uint32_t operation __asm__("r0") = 0x18; /* SYS_EXIT */
    /* ADP_Stopped_ApplicationExit, or another reason */
    register uint32_t reason __asm__("r1") = status == 0 ? 0x20026 : 0x20023;
    __asm__ volatile("bkpt 0xab" : "+r"(operation) : "r"(reason) : "memory");
    for (;;) {
    }
}

static void reset(void)
{
    /* Access to the FPU: CPACR. */
    *(volatile uint32_t *)0xE000ED88 |= 0xF << 20;
    __asm__ volatile("dsb\n isb");
    for (uint32_t *to = data_start, *from = data_load; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    host_exit(main());
}

static void fault(void)
{
    host_exit(1);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    stack_top, (void *)reset, (void *)fault, (void *)fault,
};
