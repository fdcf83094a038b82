#include "va_slots.h"

#include <stdalign.h>
#include <string.h>

#define VA_SLOTS_MAGIC 0x56534c31 /* another layout has another number */
#define VA_SLOTS_MAX 0x7fffffff

/* Slots are named by their number plus one; 0 is none. */
typedef struct {
    uint32_t bucket; /* first of the keys with this slot's number for a hash */
    uint32_t chain;  /* next of the same bucket, or of the free slots */
    uint32_t prev;
    uint32_t next;
    uint32_t hash;
    uint8_t list; /* number plus one; 0: free */
    uint8_t writing;
    uint8_t key_len;
    char key[VA_SLOTS_KEY];
} va_slot_t;

struct va_slots {
    uint32_t magic;
    uint32_t slots; /* given out at most */
    uint32_t made;  /* in the block; as many buckets */
    uint32_t taken;
    uint32_t free;
    uint32_t first[VA_SLOTS_LISTS];
    uint32_t last[VA_SLOTS_LISTS];
    uint64_t record; /* size of one */
};

#define VA_SLOTS_ALIGN alignof(max_align_t)
#define va_slots_round(n)                                                      \
    (((n) + VA_SLOTS_ALIGN - 1) / VA_SLOTS_ALIGN * VA_SLOTS_ALIGN)
#define VA_SLOTS_HEAD va_slots_round(sizeof(va_slots_t))
#define VA_SLOTS_SLOT va_slots_round(sizeof(va_slot_t))

static size_t va_slots_step(size_t record)
{
    return VA_SLOTS_SLOT + va_slots_round(record);
}

uint32_t va_slots_fit(size_t bytes, size_t record)
{
    size_t n;

    if (bytes < VA_SLOTS_HEAD) {
        return 0;
    }
    n = (bytes - VA_SLOTS_HEAD) / va_slots_step(record);
    return n < VA_SLOTS_MAX ? (uint32_t)n : VA_SLOTS_MAX;
}

static va_slot_t *va_slots_at(va_slots_t *t, uint32_t number)
{
    return (va_slot_t *)(void *)((char *)t + VA_SLOTS_HEAD +
                                 (number - 1) *
                                     va_slots_step((size_t)t->record));
}

static uint32_t va_slots_number(const va_slots_t *t, const va_slot_t *slot)
{
    size_t at = (size_t)((const char *)slot - (const char *)t) - VA_SLOTS_HEAD;

    return (uint32_t)(at / va_slots_step((size_t)t->record)) + 1;
}

static void *va_slots_record(va_slot_t *slot)
{
    return (char *)slot + VA_SLOTS_SLOT;
}

static va_slot_t *va_slots_of(void *record)
{
    return (va_slot_t *)(void *)((char *)record - VA_SLOTS_SLOT);
}

static uint32_t va_slots_hash(va_str_t key)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < key.len; i++) {
        h = (h ^ (uint8_t)key.data[i]) * 16777619u;
    }
    return h;
}

static uint32_t *va_slots_bucket(va_slots_t *t, uint32_t hash)
{
    return &va_slots_at(t, hash % t->made + 1)->bucket;
}

/* Builds lists, buckets and counts from what the slots say of themselves. */
static void va_slots_link(va_slots_t *t)
{
    va_slot_t *slot;
    uint32_t *bucket;

    t->taken = 0;
    t->free = 0;
    memset(t->first, 0, sizeof(t->first));
    memset(t->last, 0, sizeof(t->last));
    for (uint32_t n = 1; n <= t->made; n++) {
        va_slots_at(t, n)->bucket = 0;
    }
    for (uint32_t n = t->made; n > 0; n--) {
        slot = va_slots_at(t, n);
        slot->prev = 0;
        slot->next = 0;
        if (slot->list == 0) {
            if (n <= t->slots) {
                slot->chain = t->free;
                t->free = n;
            }
            continue;
        }
        bucket = va_slots_bucket(t, slot->hash);
        slot->chain = *bucket;
        *bucket = n;
        slot->next = t->first[slot->list - 1];
        if (slot->next != 0) {
            va_slots_at(t, slot->next)->prev = n;
        } else {
            t->last[slot->list - 1] = n;
        }
        t->first[slot->list - 1] = n;
        t->taken++;
    }
}

void va_slots_init(va_slots_t *t, size_t record, uint32_t n)
{
    t->record = record;
    t->slots = n;
    t->made = n;
    va_slots_link(t);
    t->magic = VA_SLOTS_MAGIC;
}

bool va_slots_valid(const va_slots_t *t, size_t bytes, size_t record)
{
    return bytes >= VA_SLOTS_HEAD && t->magic == VA_SLOTS_MAGIC &&
           t->record == record && t->slots <= t->made &&
           t->made <= va_slots_fit(bytes, record);
}

/* The order of lists is lost when the buckets change, so it is kept by hand. */
static void va_slots_rehash(va_slots_t *t)
{
    va_slot_t *slot;
    uint32_t *bucket;

    for (uint32_t n = 1; n <= t->made; n++) {
        va_slots_at(t, n)->bucket = 0;
    }
    t->free = 0;
    for (uint32_t n = t->made; n > 0; n--) {
        slot = va_slots_at(t, n);
        if (slot->list != 0) {
            bucket = va_slots_bucket(t, slot->hash);
            slot->chain = *bucket;
            *bucket = n;
        } else if (n <= t->slots) {
            slot->chain = t->free;
            t->free = n;
        }
    }
}

void va_slots_resize(va_slots_t *t, uint32_t n)
{
    t->slots = n;
    if (n > t->made) {
        t->made = n;
    }
    va_slots_rehash(t);
}

void *va_slots_find(va_slots_t *t, va_str_t key)
{
    uint32_t hash = va_slots_hash(key);
    va_slot_t *slot;

    for (uint32_t n = *va_slots_bucket(t, hash); n != 0; n = slot->chain) {
        slot = va_slots_at(t, n);
        if (slot->hash == hash && slot->key_len == key.len &&
            memcmp(slot->key, key.data, key.len) == 0) {
            return va_slots_record(slot);
        }
    }
    return NULL;
}

static void va_slots_append(va_slots_t *t, va_slot_t *slot, unsigned list)
{
    uint32_t n = va_slots_number(t, slot);

    slot->list = (uint8_t)(list + 1);
    slot->next = 0;
    slot->prev = t->last[list];
    if (slot->prev != 0) {
        va_slots_at(t, slot->prev)->next = n;
    } else {
        t->first[list] = n;
    }
    t->last[list] = n;
}

static void va_slots_take_out(va_slots_t *t, va_slot_t *slot)
{
    unsigned list = slot->list - 1u;

    if (slot->prev != 0) {
        va_slots_at(t, slot->prev)->next = slot->next;
    } else {
        t->first[list] = slot->next;
    }
    if (slot->next != 0) {
        va_slots_at(t, slot->next)->prev = slot->prev;
    } else {
        t->last[list] = slot->prev;
    }
}

void *va_slots_add(va_slots_t *t, va_str_t key, unsigned list)
{
    va_slot_t *slot;
    uint32_t n = t->free, *bucket;

    if (n == 0 || key.len == 0 || key.len > VA_SLOTS_KEY) {
        return NULL;
    }
    slot = va_slots_at(t, n);
    t->free = slot->chain;
    t->taken++;
    slot->writing = 1;
    slot->key_len = (uint8_t)key.len;
    memcpy(slot->key, key.data, key.len);
    slot->hash = va_slots_hash(key);
    bucket = va_slots_bucket(t, slot->hash);
    slot->chain = *bucket;
    *bucket = n;
    va_slots_append(t, slot, list);
    return va_slots_record(slot);
}

void va_slots_remove(va_slots_t *t, void *record)
{
    va_slot_t *slot = va_slots_of(record);
    uint32_t number = va_slots_number(t, slot);
    uint32_t *n = va_slots_bucket(t, slot->hash);

    while (*n != number) {
        n = &va_slots_at(t, *n)->chain;
    }
    *n = slot->chain;
    va_slots_take_out(t, slot);
    slot->list = 0;
    slot->writing = 0;
    t->taken--;
    if (number <= t->slots) {
        slot->chain = t->free;
        t->free = number;
    }
}

void va_slots_move(va_slots_t *t, void *record, unsigned list)
{
    va_slot_t *slot = va_slots_of(record);

    va_slots_take_out(t, slot);
    va_slots_append(t, slot, list);
}

void *va_slots_first(va_slots_t *t, unsigned list)
{
    return t->first[list] != 0 ? va_slots_record(va_slots_at(t, t->first[list]))
                               : NULL;
}

void *va_slots_after(va_slots_t *t, void *record)
{
    uint32_t n = va_slots_of(record)->next;

    return n != 0 ? va_slots_record(va_slots_at(t, n)) : NULL;
}

void *va_slots_next(va_slots_t *t, uint32_t *at)
{
    va_slot_t *slot;

    while (*at < t->made) {
        slot = va_slots_at(t, ++*at);
        if (slot->list != 0) {
            return va_slots_record(slot);
        }
    }
    return NULL;
}

uint32_t va_slots_count(const va_slots_t *t)
{
    return t->slots;
}

uint32_t va_slots_taken(const va_slots_t *t)
{
    return t->taken;
}

bool va_slots_room(const va_slots_t *t)
{
    return t->free != 0;
}

void va_slots_begin(void *record)
{
    va_slots_of(record)->writing = 1;
}

void va_slots_end(void *record)
{
    va_slots_of(record)->writing = 0;
}

uint32_t va_slots_repair(va_slots_t *t)
{
    va_slot_t *slot;
    uint32_t torn = 0;

    for (uint32_t n = 1; n <= t->made; n++) {
        slot = va_slots_at(t, n);
        if (slot->writing != 0 || slot->list > VA_SLOTS_LISTS) {
            slot->list = 0;
            slot->writing = 0;
            torn++;
        }
    }
    va_slots_link(t);
    return torn;
}
