/*
 * Records of one size in a block of memory that several processes share, each
 * at an address of its own: nothing in the block is a pointer.
 *
 * A record has a key and stands in one of a few lists, where it was moved
 * last.  The block may grow behind the slots that it has; processes that
 * mapped room enough see that at once.
 *
 * Locking is the caller's.  A process that dies under the lock leaves what
 * va_slots_repair puts right.
 */
#ifndef VA_SLOTS_H
#define VA_SLOTS_H

#include "va_base.h"

#define VA_SLOTS_KEY 128 /* bytes of a key, at most */
#define VA_SLOTS_LISTS 2

typedef struct va_slots va_slots_t;

VA_BEGIN_DECLS

/* Returns how many slots with records of that size a block of bytes holds. */
uint32_t va_slots_fit(size_t bytes, size_t record);

/*
 * Makes a table in the block t, which is zeroed and aligned for any type, with
 * room for n records: see va_slots_fit.
 */
void va_slots_init(va_slots_t *t, size_t record, uint32_t n);

/*
 * Returns whether the block was made by this code for records of that size
 * and holds no more than its bytes.
 */
bool va_slots_valid(const va_slots_t *t, size_t bytes, size_t record);

/*
 * Has the table give out n slots.  More need room in the block of all who use
 * it; of fewer, those that are taken stay until they are removed.
 */
void va_slots_resize(va_slots_t *t, uint32_t n);

/* Returns the record with that key, or NULL. */
void *va_slots_find(va_slots_t *t, va_str_t key);

/*
 * Takes a slot for a key that is not in the table, at the end of a list.
 * Returns its record, which holds what was there before and counts as being
 * written (see below), or NULL when none is free or the key is empty or over
 * VA_SLOTS_KEY.
 */
void *va_slots_add(va_slots_t *t, va_str_t key, unsigned list);

void va_slots_remove(va_slots_t *t, void *record);

/* Puts a record at the end of a list. */
void va_slots_move(va_slots_t *t, void *record, unsigned list);

/* Returns the first record of a list, or NULL. */
void *va_slots_first(va_slots_t *t, unsigned list);

/* Returns the record that follows in its list, or NULL. */
void *va_slots_after(va_slots_t *t, void *record);

/*
 * Walks over all records in an order that stays while records come and go:
 * *at is 0 at first.  Returns NULL at the end.
 */
void *va_slots_next(va_slots_t *t, uint32_t *at);

/* Returns the slots given out at most, and how many are taken. */
uint32_t va_slots_count(const va_slots_t *t);
uint32_t va_slots_taken(const va_slots_t *t);

/* Whether any slot is free. */
bool va_slots_room(const va_slots_t *t);

/* Marks a record as being written, and as whole again. */
void va_slots_begin(void *record);
void va_slots_end(void *record);

/*
 * Makes the table whole after somebody died under the lock: lists, keys and
 * counts are built anew from the slots.  A record that was being written is
 * removed.  Returns how many were.
 */
uint32_t va_slots_repair(va_slots_t *t);

VA_END_DECLS

#endif
