#include "va_speakable.h"

/* Sorted; both ends belong to a range. */
static const struct {
    uint32_t first;
    uint32_t last;
} mute[] = {
    {0x00ad, 0x00ad},   /* soft hyphen */
    {0x200b, 0x200b},   /* zero width space */
    {0x200e, 0x200f},   /* marks of direction */
    {0x202a, 0x202e},   /* embedding */
    {0x2060, 0x2069},   /* word joiner, isolates */
    {0x20e3, 0x20e3},   /* the frame of a keycap */
    {0x2190, 0x21ff},   /* arrows */
    {0x231a, 0x231b},   /* watch, hourglass */
    {0x23e9, 0x23fa},   /* buttons */
    {0x2500, 0x259f},   /* boxes and blocks */
    {0x25a0, 0x25ff},   /* shapes */
    {0x2600, 0x27bf},   /* symbols, dingbats */
    {0x2934, 0x2935},   /* arrows */
    {0x2b05, 0x2b07},   /* arrows */
    {0x2b1b, 0x2b1c},   /* squares */
    {0x2b50, 0x2b50},   /* star */
    {0x2b55, 0x2b55},   /* circle */
    {0x3030, 0x3030},   /* wavy dash */
    {0x303d, 0x303d},   /* part mark */
    {0x3297, 0x3297},   /* congratulations */
    {0x3299, 0x3299},   /* secret */
    {0xe000, 0xf8ff},   /* private use */
    {0xfe00, 0xfe0f},   /* variation selectors */
    {0xfeff, 0xfeff},   /* byte order mark */
    {0x1f000, 0x1faff}, /* pictures */
    {0xe0000, 0xe01ef}, /* tags, more selectors */
};

bool va_speakable_is_mute(uint32_t c)
{
    size_t low = 0;
    size_t high = sizeof(mute) / sizeof(mute[0]);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (c > mute[middle].last) {
            low = middle + 1;
        } else if (c < mute[middle].first) {
            high = middle;
        } else {
            return true;
        }
    }
    return false;
}
