// SPDX-License-Identifier: GPL-2.0
/* Opening and closing of a session: what is durable before what. */
#include <linux/slab.h>

#include "vk-image.h"

struct session_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	struct vhdx_header before;
	bool opened;		/* the new header is durable */
	u32 crashes;		/* states at each step */
	u32 writes;		/* of guests, completed */
	struct fake_bio *late;
	u8 *buf;
};

#define SESSION_BLOCKS		64

static int session_test_init(struct kunit *test)
{
	struct session_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->crashes = 2;
	t->spec = (struct vk_spec) {
		.dev_mib = 12, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = SESSION_BLOCKS * (u64)SZ_1M,
	};
	t->dev = vk_format(&t->spec);
	vk_set_bat(t->dev, &t->spec, 3, VHDX_BLOCK_FULL, 7);
	t->buf = kmalloc(VHDX_SECTOR, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

static void session_test_exit(struct kunit *test)
{
	struct session_test *t = test->priv;

	if (!t)
		return;
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
	kfree(t->buf);
}

/* A crash state opens, with the BAT as it is and old or new GUIDs. */
static void session_test_state(struct session_test *t, struct fake_dev *crash)
{
	struct vhdx_image *image = kzalloc(sizeof(*image),
					   GFP_KERNEL | __GFP_NOFAIL);
	struct vhdx_header *is = &image->layout.header;
	const char *error = NULL;

	t->check.crashes++;
	vhdx_image_init(image, &crash->bdev, true);
	if (vhdx_image_load(image, &error)) {
		vk_fail(&t->check, "a crash state does not open: %s", error);
		goto out;
	}
	if (guid_equal(&is->file_write_guid, &t->before.file_write_guid)) {
		if (t->opened || !guid_is_null(&is->log_guid) ||
		    !guid_equal(&is->data_write_guid,
				&t->before.data_write_guid))
			vk_fail(&t->check, "old and new GUIDs");
	} else if (guid_equal(&is->data_write_guid,
			      &t->before.data_write_guid)) {
		vk_fail(&t->check, "the DataWriteGuid is the old one");
	}
	if (image->bat[3] != vhdx_e_make(VHDX_BLOCK_FULL, 7) ||
	    image->allocated_blocks != 1)
		vk_fail(&t->check, "the BAT has changed");
	if (!vk_rnd(&t->check.rnd, 4)) {
		if (vhdx_image_replay(image))
			vk_fail(&t->check, "no replay");
		if (!guid_is_null(&is->log_guid))
			vk_fail(&t->check, "not clean after replay");
	}
out:
	vhdx_image_unload(image);
	kfree(image);
}

static void session_test_hook(struct fake_dev *dev,
			      const struct fake_event *event)
{
	struct session_test *t = dev->hook_arg;
	struct fake_dev *crash;
	u32 i;

	t->check.step++;
	for (i = 0; i < t->crashes && !t->check.failed; i++) {
		crash = fake_dev_crash(dev, &t->check.rnd);
		session_test_state(t, crash);
		fake_dev_free(crash);
	}
}

static void session_test_start(struct session_test *t)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	/* A table that is loaded and never resumed writes nothing. */
	KUNIT_EXPECT_EQ(t->check.test, t->dev->nr_events,
			fake_dev_count(t->dev, FAKE_READ));
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	/* Nor does a resume, of a clean image. */
	KUNIT_EXPECT_EQ(t->check.test, t->dev->nr_events,
			fake_dev_count(t->dev, FAKE_READ));
	KUNIT_EXPECT_EQ(t->check.test, t->vkt.vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_FALSE(t->check.test, t->vkt.vt->may_overwrite);
	t->before = t->vkt.vt->image.layout.header;
	fake_dev_forget(t->dev);
}

static bool session_test_is(struct session_test *t, u32 i, enum fake_op op,
			    u64 off)
{
	const struct fake_event *event = &t->dev->events[i];

	return i < t->dev->nr_events && event->op == op && event->off == off;
}

static void session_open_order(struct kunit *test)
{
	static const u64 places[] = {
		VHDX_HEADER_OFF(0), VK_LOG_OFF, VHDX_HEADER_OFF(1), VHDX_HEADER_OFF(0),
	};
	struct session_test *t = test->priv;
	struct vhdx_target *vt;
	u32 i;

	session_test_start(t);
	vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(test, 0, vhdx_session_open(vt));
	KUNIT_EXPECT_EQ(test, vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_TRUE(test, vt->may_overwrite);
	/*
	 * What was read, durable, and the header as it was; an empty entry; the
	 * header that names it, twice.
	 */
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 9);
	KUNIT_EXPECT_TRUE(test, session_test_is(t, 0, FAKE_FLUSH, 0));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		KUNIT_EXPECT_TRUE(test, session_test_is(t, 1 + 2 * i, FAKE_WRITE,
							places[i]));
		KUNIT_EXPECT_TRUE(test, session_test_is(t, 2 + 2 * i, FAKE_FLUSH, 0));
	}
	KUNIT_EXPECT_EQ(test, t->dev->events[3].bytes, VHDX_SECTOR);
	KUNIT_EXPECT_EQ(test, t->dev->misused, 0);
}

static void session_write_end(struct fake_bio *fbio)
{
	struct session_test *t = fbio->arg;

	t->writes += !fbio->status;
	fake_bio_free(fbio);
}

/* A write to a present block, at each step of the opening. */
static void session_write_hook(struct fake_dev *dev,
			       const struct fake_event *event)
{
	struct session_test *t = dev->hook_arg;
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 3 * 2048,
					     8);

	fbio->end = session_write_end;
	fbio->arg = t;
	vk_guest_submit(&t->vkt, fbio);
	KUNIT_EXPECT_TRUE(t->check.test, list_empty(&fake.bios));
}

/* No data is written under the old DataWriteGuid. */
static void session_open_first(struct kunit *test)
{
	struct session_test *t = test->priv;

	session_test_start(t);
	t->dev->hook = session_write_hook;
	t->dev->hook_arg = t;
	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(t->vkt.vt));
	t->dev->hook = NULL;
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 9);
	KUNIT_EXPECT_EQ(test, t->writes, 0);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->writes, 9);
}

/* All is in place and durable before the header gives up the log. */
static void session_close_order(struct kunit *test)
{
	struct session_test *t = test->priv;
	struct vhdx_header *header;
	u32 i, flush = 0;

	session_test_start(t);
	header = &t->vkt.vt->image.layout.header;
	KUNIT_ASSERT_EQ(test, 0, vhdx_session_open(t->vkt.vt));
	KUNIT_EXPECT_FALSE(test, guid_is_null(&header->log_guid));
	/* Something to apply: the BAT sector as it is. */
	KUNIT_EXPECT_EQ(test, 0, vhdx_log_make_room(&t->vkt.vt->log, 1));
	fake_dev_peek(t->dev, vk_bat_off(&t->spec),
		      vhdx_log_stage(&t->vkt.vt->log, vk_bat_off(&t->spec)),
		      VHDX_SECTOR);
	KUNIT_EXPECT_EQ(test, 0, vhdx_log_write(&t->vkt.vt->log));
	fake_dev_forget(t->dev);
	vhdx_session_end(t->vkt.vt);
	KUNIT_ASSERT_EQ(test, t->vkt.vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_TRUE(test, guid_is_null(&header->log_guid));
	KUNIT_EXPECT_FALSE(test, t->vkt.vt->may_overwrite);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->dev->writes));

	for (i = 0; i < t->dev->nr_events; i++) {
		if (session_test_is(t, i, FAKE_WRITE, vk_bat_off(&t->spec)))
			break;
		flush += session_test_is(t, i, FAKE_FLUSH, 0);
	}
	KUNIT_EXPECT_EQ(test, flush, 1);	/* logged, durably */
	KUNIT_EXPECT_TRUE(test, session_test_is(t, i + 1, FAKE_FLUSH, 0));
	for (; i < t->dev->nr_events; i++)
		if (t->dev->events[i].op == FAKE_WRITE &&
		    t->dev->events[i].off < VK_LOG_OFF)
			break;
	KUNIT_EXPECT_EQ(test, i + 4, t->dev->nr_events);
	KUNIT_EXPECT_TRUE(test, session_test_is(t, i - 1, FAKE_FLUSH, 0));
	KUNIT_EXPECT_TRUE(test, session_test_is(t, i + 1, FAKE_FLUSH, 0));
	KUNIT_EXPECT_TRUE(test, session_test_is(t, i + 3, FAKE_FLUSH, 0));
	/* A second time there is nothing to close; overwrites may have landed. */
	fake_dev_forget(t->dev);
	vhdx_session_end(t->vkt.vt);
	KUNIT_EXPECT_EQ(test, t->vkt.vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 1);
	KUNIT_EXPECT_TRUE(test, session_test_is(t, 0, FAKE_FLUSH, 0));
	/* They may be lost. */
	t->dev->fail_in[FAKE_FLUSH] = 1;
	vhdx_session_end(t->vkt.vt);
	KUNIT_EXPECT_EQ(test, t->vkt.vt->mode, VHDX_MODE_RO);
}

/* Case 8: a clean log may have had any version; ours has the one we write. */
static void session_log_version(struct kunit *test)
{
	struct session_test *t = test->priv;
	struct vhdx_header header;
	bool damaged;

	KUNIT_ASSERT_TRUE(test, vk_get_header(t->dev, &header, &damaged));
	header.log_version = 1;
	vk_set_header(t->dev, &header);
	session_test_start(t);
	t->dev->hook = session_test_hook;
	t->dev->hook_arg = t;
	KUNIT_ASSERT_EQ(test, 0, vhdx_session_open(t->vkt.vt));
	t->opened = true;
	session_test_hook(t->dev, NULL);
	t->dev->hook = NULL;
	KUNIT_ASSERT_TRUE(test, vk_get_header(t->dev, &header, &damaged));
	KUNIT_EXPECT_EQ(test, header.log_version, 0);
}

/* Case 6: numbers that run out while the table is in use leave a clean image. */
static void session_numbers_run_out(struct kunit *test)
{
	struct session_test *t = test->priv;
	struct vhdx_header header;
	bool damaged;
	u32 sessions;
	int r = 0;

	KUNIT_ASSERT_TRUE(test, vk_get_header(t->dev, &header, &damaged));
	header.sequence = ~0ULL - 74;	/* half of the last session */
	vk_set_header(t->dev, &header);
	session_test_start(t);
	for (sessions = 0; !r && sessions < 40; sessions++) {
		r = vhdx_session_open(t->vkt.vt);
		if (r)
			break;
		vhdx_session_end(t->vkt.vt);
		KUNIT_EXPECT_EQ(test, t->vkt.vt->mode, VHDX_MODE_RW);
	}
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, r);
	KUNIT_EXPECT_GT(test, sessions, 1);
	KUNIT_EXPECT_EQ(test, t->vkt.vt->mode, VHDX_MODE_RO);
	KUNIT_ASSERT_TRUE(test, vk_get_header(t->dev, &header, &damaged));
	KUNIT_EXPECT_TRUE(test, guid_is_null(&header.log_guid));
}

static void session_crash(struct kunit *test)
{
	struct session_test *t = test->priv;
	u32 round;

	session_test_start(t);
	for (round = 0; round < 6 && !t->check.failed; round++) {
		struct vhdx_target *vt = t->vkt.vt;

		t->before = vt->image.layout.header;
		t->opened = false;
		t->dev->hook = session_test_hook;
		t->dev->hook_arg = t;
		KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
		t->opened = true;
		session_test_hook(t->dev, NULL);
		vhdx_session_end(vt);
		KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
		t->dev->hook = NULL;
	}
	kunit_info(test, "%u crash states\n", t->check.crashes);
}

static void session_opens_hook(struct fake_dev *dev,
			       const struct fake_event *event)
{
	struct session_test *t = dev->hook_arg;
	struct vhdx_image *image;
	const char *error = NULL;
	struct fake_dev *crash;
	u32 i;

	t->check.step++;
	for (i = 0; i < 30 && !t->check.failed; i++) {
		image = kzalloc(sizeof(*image), GFP_KERNEL | __GFP_NOFAIL);
		crash = fake_dev_crash(dev, &t->check.rnd);
		vhdx_image_init(image, &crash->bdev, true);
		if (vhdx_image_load(image, &error))
			vk_fail(&t->check, "it does not open: %s", error);
		vhdx_image_unload(image);
		kfree(image);
		fake_dev_free(crash);
	}
}

/*
 * Somebody has closed the image, and not waited for the header that says so: it
 * is read, and lost in a power cut.  The one before it needs the log's only entry.
 */
static void session_read_not_durable(struct kunit *test)
{
	struct session_test *t = test->priv;
	struct vhdx_header header;
	struct vk_entry entry;
	bool damaged;

	vk_get_header(t->dev, &header, &damaged);
	guid_gen(&header.log_guid);
	vk_set_header(t->dev, &header);
	vk_entry_begin(&entry);
	vk_entry_write(&entry, t->dev, &header.log_guid, 1, 0, 0,
		       t->dev->bytes);
	header.log_guid = guid_null;
	header.sequence++;
	vhdx_header_encode(&header, t->buf);
	fake_dev_begin_write(t->dev, VHDX_HEADER_OFF(0), t->buf,
			     VHDX_HEADER_BYTES)->in_flight = false;

	session_test_start(t);
	t->dev->hook = session_opens_hook;
	t->dev->hook_arg = t;
	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(t->vkt.vt));
	t->dev->hook = NULL;
}

/* Case 17, both ways; a crash state always has a table to use. */
static void session_mend_regions(struct kunit *test)
{
	struct session_test *t = test->priv;
	u8 *tables = kunit_kmalloc(test, 2 * VHDX_REGION_BYTES, GFP_KERNEL);
	u32 slot, i;

	KUNIT_ASSERT_PTR_NE(test, NULL, tables);
	for (slot = 0; slot < 2; slot++) {
		struct vhdx_target *vt;

		memset(t->buf, 0xa5, VHDX_SECTOR);
		fake_dev_poke(t->dev, VHDX_REGION_OFF(slot) + 8 * VHDX_SECTOR,
			      t->buf, VHDX_SECTOR);
		fake_dev_forget(t->dev);
		t->opened = false;
		session_test_start(t);
		vt = t->vkt.vt;
		KUNIT_EXPECT_TRUE(test, vt->image.layout.region_differ);
		t->dev->hook = session_test_hook;
		t->dev->hook_arg = t;
		KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
		t->opened = true;
		KUNIT_EXPECT_FALSE(test, vt->image.layout.region_differ);
		/* Logged, not written in place before that is durable. */
		for (i = 0; i < t->dev->nr_events; i++)
			KUNIT_EXPECT_FALSE(test, t->dev->events[i].op ==
					   FAKE_WRITE &&
					   t->dev->events[i].off >=
					   VHDX_REGION_OFF(0) &&
					   t->dev->events[i].off < VK_LOG_OFF);
		vhdx_session_end(vt);
		KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
		t->dev->hook = NULL;
		fake_dev_peek(t->dev, VHDX_REGION_OFF(0), tables,
			      2 * VHDX_REGION_BYTES);
		KUNIT_EXPECT_TRUE(test, vhdx_region_table_valid(tables));
		KUNIT_EXPECT_EQ(test, 0, memcmp(tables,
						tables + VHDX_REGION_BYTES,
						VHDX_REGION_BYTES));
		vk_target_free(&t->vkt);
		fake_dev_forget(t->dev);
	}
	kunit_info(test, "%u crash states\n", t->check.crashes);
}

/*
 * Whatever fails while a session opens or closes: the mode is ro, an event
 * says so, the image opens; and suspend and resume make it rw again.
 */
static void session_errors(struct kunit *test)
{
	struct session_test *t = test->priv;
	enum fake_op op = FAKE_WRITE;
	u32 i;

	memset(t->buf, 0xa5, VHDX_SECTOR);
	for (;;) {
		for (i = 1; i < 43 && !t->check.failed;
		     i += 1 + vk_rnd(&t->check.rnd, 3)) {
			struct vhdx_target *vt;
			int r;

			fake_dev_forget(t->dev);
			fake_dev_poke(t->dev, VHDX_REGION_OFF(1), t->buf,
				      VHDX_SECTOR);
			t->opened = false;
			session_test_start(t);
			vt = t->vkt.vt;
			t->dev->hook = session_test_hook;
			t->dev->hook_arg = t;
			t->dev->fail_in[op] = i;
			t->crashes = !vk_rnd(&t->check.rnd, 4);
			fake.table_events = 0;
			r = vhdx_session_open(vt);
			if (!r) {
				t->opened = true;
				vhdx_session_end(vt);
				r = vt->mode == VHDX_MODE_RW ? 0 : -EIO;
			}
			KUNIT_EXPECT_FALSE(test, vt->may_overwrite);
			KUNIT_EXPECT_EQ(test, vt->session, VHDX_SESSION_CLOSED);
			t->dev->hook = NULL;
			if (t->dev->fail_in[op]) {
				KUNIT_EXPECT_EQ(test, 0, r);
				t->dev->fail_in[op] = 0;
				vk_target_free(&t->vkt);
				break;
			}
			KUNIT_EXPECT_EQ(test, -EIO, r);
			KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
			KUNIT_EXPECT_EQ(test, fake.table_events, 1);
			vk_target_suspend(&t->vkt, false);
			KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
			KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
			KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
			vhdx_session_end(vt);
			KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
			vk_target_free(&t->vkt);
			fake_dev_flushed(t->dev, 0);
		}
		KUNIT_EXPECT_GE(test, i, op == FAKE_WRITE ? 20 : 8);
		KUNIT_EXPECT_LT(test, i, 43);
		if (op == FAKE_FLUSH)
			break;
		op = FAKE_FLUSH;
	}
}

/* Somebody edits the image while the device is suspended. */
static void session_edited_while_suspended(struct kunit *test)
{
	struct session_test *t = test->priv;
	struct vhdx_header header;
	struct vhdx_target *vt;
	bool damaged;

	session_test_start(t);
	vt = t->vkt.vt;
	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_TRUE(test, guid_is_null(&vt->image.layout.header.log_guid));

	/* No change: the image is not loaded again. */
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 2);
	vk_target_suspend(&t->vkt, false);

	vk_set_bat(t->dev, &t->spec, 5, VHDX_BLOCK_FULL, 9);
	KUNIT_ASSERT_TRUE(test, vk_get_header(t->dev, &header, &damaged));
	header.sequence += 2;
	guid_gen(&header.file_write_guid);
	vk_set_header(t->dev, &header);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, vt->bat[5], vhdx_e_make(VHDX_BLOCK_FULL, 9));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	vk_target_suspend(&t->vkt, false);

	/* Broken meanwhile: the resume fails, and one after mending works. */
	vk_set_bat(t->dev, &t->spec, 6, VHDX_BLOCK_FULL, 9);
	header.sequence += 2;
	vk_set_header(t->dev, &header);
	KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_FAIL);
	vk_set_bat(t->dev, &t->spec, 6, VHDX_BLOCK_NOT_PRESENT, 0);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
	vk_target_suspend(&t->vkt, false);
}

static void session_table_length(struct kunit *test)
{
	struct session_test *t = test->priv;
	u64 sectors = t->spec.disk_bytes >> SECTOR_SHIFT;

	KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_new(&t->vkt, t->dev,
						     sectors - 8));
	KUNIT_EXPECT_PTR_NE(test, NULL, t->vkt.ti.error);
	vk_target_free(&t->vkt);
	KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_new(&t->vkt, t->dev,
						     sectors + 8));
	vk_target_free(&t->vkt);
	KUNIT_EXPECT_EQ(test, 0, vk_target_new(&t->vkt, t->dev, sectors));
}

/*
 * One comes after the worker has looked whether a session is due and before it
 * takes what there is to do: a session it has to wait for, not an error.
 */
static void session_test_late(void *arg)
{
	struct session_test *t = arg;

	vk_guest_submit(&t->vkt, t->late);
}

static void session_late_write(struct kunit *test)
{
	struct session_test *t = test->priv;

	session_test_start(t);
	t->late = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 3 * 2048, 8);
	fake.on_unlock = session_test_late;
	fake.unlock_arg = t;
	vhdx_worker(&t->vkt.vt->worker);
	KUNIT_EXPECT_PTR_EQ(test, NULL, fake.on_unlock);
	KUNIT_EXPECT_FALSE(test, t->late->done);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, t->late->done);
	KUNIT_EXPECT_EQ(test, 0, t->late->status);
	KUNIT_EXPECT_EQ(test, t->vkt.vt->session, VHDX_SESSION_OPEN);
	fake_bio_free(t->late);
}

static struct kunit_case session_cases[] = {
	KUNIT_CASE(session_open_order),
	KUNIT_CASE(session_log_version),
	KUNIT_CASE(session_numbers_run_out),
	KUNIT_CASE(session_open_first),
	KUNIT_CASE(session_close_order),
	KUNIT_CASE(session_crash),
	KUNIT_CASE(session_read_not_durable),
	KUNIT_CASE(session_mend_regions),
	KUNIT_CASE(session_errors),
	KUNIT_CASE(session_late_write),
	KUNIT_CASE(session_edited_while_suspended),
	KUNIT_CASE(session_table_length),
	{}
};

static struct kunit_suite session_suite = {
	.name = "vhdx-session",
	.init = session_test_init,
	.exit = session_test_exit,
	.test_cases = session_cases,
};

kunit_test_suite(session_suite);
