/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: nobody listens. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "sim/block.h"

#define TP_PROTO(...)		__VA_ARGS__
#define TP_ARGS(...)		__VA_ARGS__
#define DECLARE_EVENT_CLASS(class, ...) _Static_assert(1, #class)
#define SIM_EVENT(name, proto)						\
	static inline void trace_##name(proto) { }			\
	static inline bool trace_##name##_enabled(void) { return false; } \
	_Static_assert(1, #name)
#define DEFINE_EVENT(class, name, proto, args) SIM_EVENT(name, TP_PROTO(proto))
#define DEFINE_EVENT_PRINT(class, name, proto, args, print) SIM_EVENT(name, TP_PROTO(proto))
#define TRACE_EVENT(name, proto, ...) SIM_EVENT(name, TP_PROTO(proto))

#endif /* SIM_TRACE_H */
