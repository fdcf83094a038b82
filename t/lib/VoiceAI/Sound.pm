package VoiceAI::Sound;

# What a caller heard, as numbers.
#
#     my $samples = samples($ulaw);
#     cmp_ok(share($samples, 440), '>', 0.9);

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(duration samples share tone);

my @linear = map {
    my $u = ~$_ & 0xff;
    my $value = ((($u & 0x0f) << 3) + 0x84 << (($u & 0x70) >> 4)) - 0x84;
    $u & 0x80 ? -$value : $value;
} 0 .. 255;

# Decodes mu-law.
sub samples
{
    my ($ulaw) = @_;
    return [map { $linear[$_] } unpack 'C*', $ulaw];
}

# Returns the milliseconds from the first sound to the last, at 8000 Hz.
sub duration
{
    my ($samples) = @_;
    my @loud = grep { abs $samples->[$_] > 64 } 0 .. $#$samples;
    return @loud ? ($loud[-1] - $loud[0] + 1) / 8 : 0;
}

# Returns how much of the energy is at this frequency, from 0 to 1, at 8000 Hz:
# Goertzel's filter over quarters of a second, so that a pause between two
# utterances does not matter.
sub share
{
    my ($samples, $hertz) = @_;
    my $factor = 2 * cos(2 * atan2(1, 1) * 4 * $hertz / 8000);
    my ($there, $all, $window) = (0, 0, 2000);

    for (my $at = 0; $at + $window <= @$samples; $at += $window) {
        my ($one, $two) = (0, 0);
        for my $sample (@$samples[$at .. $at + $window - 1]) {
            ($one, $two) = ($sample + $factor * $one - $two, $one);
            $all += $sample * $sample;
        }
        $there += $one * $one + $two * $two - $factor * $one * $two;
    }
    return $all > 0 ? 2 * $there / $window / $all : 0;
}

# Makes a tone: PCM of 16 bits, little-endian.
sub tone
{
    my ($hertz, $ms, $rate) = @_;
    my $step = 2 * atan2(1, 1) * 4 * $hertz / $rate;
    return pack 's<*', map { 8000 * sin($step * $_) } 0 .. $ms * $rate / 1000 - 1;
}

1;
