// SPDX-License-Identifier: GPL-2.0
/* vhdx-fault.c: each fault has a name, a sentence, advice and an errno. */
#include <ctype.h>

#include "test.h"

static void every_fault_is_complete(void **state)
{
	int fault, other;

	for (fault = 1; fault < VHDX_NR_FAULTS; fault++) {
		const char *name = vhdx_fault_name(fault);
		const char *text = vhdx_fault_text(fault);
		size_t i;

		assert_true(*name && *vhdx_fault_advice(fault));
		for (i = 0; name[i]; i++)
			assert_true(isupper(name[i]) || name[i] == '_');
		/* A clause for ti->error and for "vhdx: FILE: ..." alike. */
		assert_true(*text && text[strlen(text) - 1] != '.');
		assert_true(!isupper(text[0]) || isupper(text[1]));
		for (other = 1; other < fault; other++) {
			assert_string_not_equal(name, vhdx_fault_name(other));
			assert_string_not_equal(text, vhdx_fault_text(other));
		}
	}
}

static void every_fault_has_an_errno(void **state)
{
	int fault;

	for (fault = 1; fault < VHDX_NR_FAULTS; fault++)
		switch (-vhdx_fault_errno(fault)) {
		case EINVAL:
		case EOPNOTSUPP:
		case EFBIG:
		case ELOOP:
		case ENOSPC:
		case ENOMEM:
		case EBUSY:
		case EROFS:
			break;
		default:
			fail_msg("%s: errno %d", vhdx_fault_name(fault),
				 vhdx_fault_errno(fault));
		}
	assert_int_equal(vhdx_fault_errno(VHDX_FAULT_VERSION), -EOPNOTSUPP);
	assert_int_equal(vhdx_fault_errno(VHDX_FAULT_LOG_HUGE), -EFBIG);
	assert_int_equal(vhdx_fault_errno(VHDX_FAULT_LOG_GROWS), -ENOSPC);
	assert_int_equal(vhdx_fault_errno(VHDX_FAULT_LOG_LOST), -EINVAL);
	assert_int_equal(vhdx_fault_errno(VHDX_FAULT_VHD_POISON), -EBUSY);
}

static void an_errno_stays_what_it_is(void **state)
{
	assert_int_equal(vhdx_fault_errno(VHDX_OK), 0);
	assert_int_equal(vhdx_fault_errno(-EIO), -EIO);
	assert_int_equal(vhdx_fault_errno(-ENOMEM), -ENOMEM);
	assert_string_equal(vhdx_fault_name(-EIO), "IO");
	assert_string_equal(vhdx_fault_text(-EIO), "cannot be read");
	assert_string_equal(vhdx_fault_text(-ENOMEM), "out of memory");
	assert_string_not_equal(vhdx_fault_advice(-EIO),
				vhdx_fault_advice(-ENOMEM));
}

static void faults_are_no_errnos(void **state)
{
	assert_true(VHDX_NR_FAULTS > 1);
	assert_string_equal(vhdx_fault_name(VHDX_NR_FAULTS), "IO");
	assert_string_equal(vhdx_fault_name(VHDX_FAULT_TOO_SHORT), "TOO_SHORT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_complete),
		cmocka_unit_test(every_fault_has_an_errno),
		cmocka_unit_test(an_errno_stays_what_it_is),
		cmocka_unit_test(faults_are_no_errnos),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
