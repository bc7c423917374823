// SPDX-License-Identifier: GPL-2.0
#include "vhdx-fault.h"

static const struct {
	int err;
	const char *name;
	const char *text;
	const char *advice;
} vhdx_faults[VHDX_NR_FAULTS] = {
#define VHDX_FAULT_ROW(name, err, text, advice) \
	[VHDX_FAULT_##name] = { err, #name, text, advice },
	VHDX_FAULTS(VHDX_FAULT_ROW)
	VHD_FAULTS(VHDX_FAULT_ROW)
#undef VHDX_FAULT_ROW
};

static bool vhdx_is_fault(int result)
{
	return result > VHDX_OK && result < VHDX_NR_FAULTS;
}

/**
 * vhdx_fault_name() - short upper-case name of a fault, for machines
 * @result: what a function of the format code returned
 *
 * Context: any.
 * Return: the name; "IO" for a negative errno.
 */
const char *vhdx_fault_name(int result)
{
	return vhdx_is_fault(result) ? vhdx_faults[result].name : "IO";
}

/**
 * vhdx_fault_text() - constant sentence that says what is wrong
 * @result: what a function of the format code returned
 *
 * Context: any.
 * Return: the sentence, without a full stop.
 */
const char *vhdx_fault_text(int result)
{
	if (vhdx_is_fault(result))
		return vhdx_faults[result].text;
	if (result == -EINTR)
		return "interrupted";
	return result == -ENOMEM ? "out of memory" : "cannot be read";
}

/**
 * vhdx_fault_advice() - constant clause that says what to do about it
 * @result: what a function of the format code returned
 *
 * Context: any.
 * Return: the clause, without a full stop.
 */
const char *vhdx_fault_advice(int result)
{
	if (vhdx_is_fault(result))
		return vhdx_faults[result].advice;
	if (result == -EINTR)
		return "try again";
	return result == -ENOMEM ? "free some memory and try again" :
				   "check the device";
}

/**
 * vhdx_fault_errno() - negative errno for a result
 * @result: what a function of the format code returned
 *
 * Context: any.
 * Return: 0 for VHDX_OK, the fault's errno (negative), or @result itself
 * where it is an errno already.
 */
int vhdx_fault_errno(int result)
{
	return vhdx_is_fault(result) ? -vhdx_faults[result].err : result;
}
