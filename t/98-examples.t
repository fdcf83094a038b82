# Every example of a configuration in the documentation is taken by nginx.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use VoiceAI;

my $dir = scratch();
my $load = join '', map { "load_module $_;\n" } split ' ',
    $ENV{TEST_NGINX_LOAD_MODULES} // '';
my $temporary = join '', map { "${_}_temp_path $dir/$_;\n" }
    qw(client_body proxy fastcgi uwsgi scgi);

open my $key, '>', "$dir/key" or die;
print $key "a-key\n";
close $key;

# Returns the examples of a page: line and text.
sub examples
{
    my ($page) = @_;
    my (@found, $begin);
    my @lines = split /^/, VoiceAI::slurp($page);
    for my $n (0 .. $#lines) {
        if (!$begin && $lines[$n] =~ /^\s*```nginx$/) {
            $begin = $n + 1;
        } elsif ($begin && $lines[$n] =~ /^\s*```$/) {
            push @found, [$begin, join '', @lines[$begin .. $n - 1]];
            undef $begin;
        }
    }
    return @found;
}

# Makes a whole configuration of an example.  What a machine of an operator has
# and this one has not is replaced: files, certificates, variables.
sub whole
{
    my ($text) = @_;
    $text =~ s/^\s*(?:load_module .*|\.\.\.\s*)\n//mg;
    $text =~ s/#.*$//mg;
    $text =~ s{file:/[\w./-]+}{file:$dir/key}g;
    $text =~ s{sqlite:/[\w./-]+}{sqlite:$dir/calls.db}g;
    $text =~ s{//redis\.example\.com}{//127.0.0.1}g;
    $text =~ s/listen 443 ssl/listen 127.0.0.1:1/g;
    $ENV{$_} = 'a-key' for $text =~ /env:(\w+)/g;

    my $zone = $text =~ /voiceai_zone / ? '' : 'voiceai_zone spare 1m;';
    my $common = "$temporary access_log off; $zone voiceai_signature off;\n"
        . ($text =~ /voiceai_public_url/ ? '' : 'voiceai_public_url https://x.example;');
    if ($text !~ s/^http \{/http {\n$common/m) {
        $text = "server { listen 127.0.0.1:1; voiceai on;\n$text\n}"
            if $text !~ /^(?:server|map|log_format) /m;
        $text = "http {\n$common\n$text\n}";
    }
    return "$load pid $dir/nginx.pid; error_log stderr; events { }\n$text\n";
}

# Returns whether nginx takes it, and what it says.
sub check
{
    my ($text) = @_;
    open my $out, '>', "$dir/nginx.conf" or die;
    print $out whole($text);
    close $out;
    return run_command($ENV{TEST_NGINX_BINARY}, '-t', '-p', $dir, '-e', 'stderr',
        '-c', "$dir/nginx.conf");
}

my $root = project_root();
my %found;
for my $page ("$root/README.md", sort glob "$root/docs/*.md") {
    for my $example (examples($page)) {
        my ($line, $text) = @$example;
        my $name = $page =~ s{^\Q$root\E/}{}r;
        my ($rc, $said) = check($text);
        is($rc, 0, "$name:$line") or diag($said, whole($text));
        $found{$name}++;
    }
}

# Each kind has an example, and each server of the table a URL that is one.
my $providers = VoiceAI::slurp("$root/docs/providers.md");
my @kinds = $providers =~ /^\| \[?`(\w+)`\]?/mg;
cmp_ok(scalar @kinds, '>=', 8, 'docs/providers.md lists the kinds');
for my $kind (grep { $_ ne 'local' } @kinds) {
    like($providers, qr/^voiceai_(?:stt|llm|tts) $kind /m, "with an example of $kind");
}
my @urls = $providers =~ m{^\| [^|]+ \| `(https?://\S+)` \|}mg;
cmp_ok(scalar @urls, '>=', 8, 'and servers that speak like OpenAI');
my ($rc, $said) = check(join '', map { "voiceai_llm openai url=$_;\n" } @urls[0 .. 7]);
is($rc, 0, 'whose URLs are taken') or diag($said);

# What is wrong is found.
($rc, $said) = check('voiceai_tts elevenlabs voice=v model=m lenguage=en;');
isnt($rc, 0, 'a parameter that there is not is none');
like($said, qr/lenguage/, 'and named');
VoiceAI::check_reports('what nginx refuses', 'refused');

done_testing;
