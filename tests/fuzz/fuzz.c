// SPDX-License-Identifier: GPL-2.0
/* The side of the fuzz targets that libFuzzer sees. */
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,
				 const uint8_t *b, size_t b_size, uint8_t *out,
				 size_t max, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned int seed)
{
	struct sparse *image;
	size_t packed;

	/* Now and then as any fuzzer would: it has ideas of its own. */
	if (seed % 16 == 0)
		return LLVMFuzzerMutate(data, size, max);
	image = sparse_unpack(data, size);
	mutate(image, seed, fuzz_focus);
	packed = sparse_pack(image, data, max);
	sparse_free(image);
	/* What did not fit is cut off, which is a mutation too. */
	return packed ? packed : size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,
				 const uint8_t *b, size_t b_size, uint8_t *out,
				 size_t max, unsigned int seed)
{
	struct sparse *image = sparse_unpack(a, a_size);
	struct sparse *other = sparse_unpack(b, b_size);
	size_t packed;

	mutate_cross(image, other, seed);
	packed = sparse_pack(image, out, max);
	sparse_free(image);
	sparse_free(other);
	return packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sparse *image;

	if (!size)
		return 0;
	image = sparse_unpack(data, size);
	fuzz_one(image);
	sparse_free(image);
	return 0;
}
