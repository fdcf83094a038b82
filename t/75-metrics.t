# What is counted, and that Prometheus reads it: its linter finds nothing to
# say, and a server of it scrapes both formats.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;

my $dir = scratch();
my $key = 'open-sesame-31';
my $token = '0123456789abcdef';

open my $speech, '>', "$dir/speech" or die;
print $speech "\x90\x10" x 4000;
close $speech;

my $server = VoiceAI::Server->new(workers => 2, http => <<"END");
    add_header X-Worker \$pid always;
    voiceai_zone calls 1m;
    voiceai_zone others 1m;
    voiceai_api_key $key;
    voiceai_twilio_auth_token $token;
    voiceai_public_url https://voice.example.com;
    voiceai_greeting Hello.;
    voiceai_silence_threshold 400ms;
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    voiceai_tts openai url=http://127.0.0.1:%%TLS%%/v1 format=ulaw rate=8000;

    server {
        listen 127.0.0.1:%%TLS%%;
        access_log off;
        location = /v1/audio/transcriptions {
            return 200 '{"text":"what time is it"}';
        }
        location = /v1/audio/speech {
            default_type audio/basic;
            alias $dir/speech;
            error_page 405 =200 \$uri;
        }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name voice.example.com;
        voiceai_zone calls;
        voiceai on;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name named.example.com;
        voiceai_zone others;
        voiceai_max_calls 1;
        voiceai_signature off;
        location = /in { voiceai_incoming; }
        location = /status { voiceai_call_status; }
        location = /figures { voiceai_metrics; }
    }
END
my $port = $server->port;

sub page
{
    my (%options) = @_;
    return ask($port, 'GET /metrics', host => 'voice.example.com', key => $key,
        %options);
}

# Returns the value of a sample, as it is written.
sub sample
{
    my ($name, $text) = @_;
    my ($value) = ($text // page()->{body}) =~ /^\Q$name\E (\S+)$/m;
    return $value // 'none';
}

# ---- who may see it

is(page(key => undef)->{status}, 401, 'the key is needed');
is(ask($port, 'POST /metrics', host => 'voice.example.com', key => $key)
    ->{status}, 405, 'nothing can be posted');
is(ask($port, 'GET /figures', host => 'named.example.com', key => $key)
    ->{status}, 200, 'a location of its own');

# ---- before and after a call

is(sample('voiceai_calls_total{direction="inbound"}'), 0, 'nothing counted');

my ($exit, $out) = run_command(program('voiceai-sim'), 'call',
    "http://127.0.0.1:$port/voice/incoming",
    '--public-url', 'https://voice.example.com', '--auth-token', $token,
    '--max-time', '40', '--quiet', '--pause', '800',
    '--wav', '/usr/share/asterisk/sounds/en_US_f_Allison/conf-getpin.wav',
    '--wait', '2500', '--hangup');
is($exit, 0, 'a call') or diag($out);

ok(wait_for(10, sub {
    sample('voiceai_stream_duration_seconds_count') eq '1'
}), 'that is over');

my $text = page()->{body};
my %expected = (
    'voiceai_calls_total{direction="inbound"}' => 1,
    'voiceai_calls_total{direction="outbound"}' => 0,
    'voiceai_calls_ended_total{status="completed"}' => 0,
    'voiceai_streams_total' => 1,
    'voiceai_turns_total{role="caller"}' => qr/^[1-9]$/,
    'voiceai_turns_total{role="assistant"}' => qr/^[2-9]$/,
    'voiceai_false_interruptions_total' => 0,
    'voiceai_media_bytes_total{direction="received"}' => qr/^\d{5,}$/,
    'voiceai_media_bytes_total{direction="sent"}' => qr/^\d{4,}$/,
    'voiceai_engine_requests_total{stage="recogniser",result="done"}'
        => qr/^[1-9]$/,
    'voiceai_engine_requests_total{stage="voice",result="done"}'
        => qr/^[1-9]\d*$/,
    'voiceai_engine_requests_total{stage="voice",result="failed"}' => 0,
    'voiceai_response_seconds_count' => qr/^[1-9]$/,
    'voiceai_response_seconds_bucket{le="+Inf"}' => qr/^[1-9]$/,
    'voiceai_turn_stage_seconds_count{stage="model"}' => qr/^[1-9]$/,
    'voiceai_stream_duration_seconds_bucket{le="1.0"}' => 0,
    'voiceai_stream_duration_seconds_bucket{le="60.0"}' => 1,
    'voiceai_streams_active{zone="calls"}' => 0,
    'voiceai_zone_capacity{zone="others"}' => qr/^[1-9]\d+$/,
    'voiceai_workers' => 2,
    'voiceai_engine_requests_active' => 0,
    'voiceai_build_info{version="' . voiceai_version() . '"}' => 1,
);
for my $name (sort keys %expected) {
    my $value = sample($name, $text);
    ref $expected{$name} ? like($value, $expected{$name}, $name)
        : is($value, $expected{$name}, $name);
}
cmp_ok(sample('voiceai_response_seconds_sum', $text), '>', 0.3,
    'the silence that ended a turn is in the response');
cmp_ok(sample('voiceai_event_loop_lag_seconds_count', $text), '>', 3,
    'the event loops are watched');

cmp_ok(sample('voiceai_event_loop_lag_seconds_sum', $text), '<', 60,
    'from when they run');

# ---- a limit

for my $n (1, 2) {
    ask($port, 'POST /in', host => 'named.example.com',
        form => [ CallSid => sprintf('CA%032x', $n), AccountSid => 'AC1',
            From => '+15550001', To => '+15550002', Direction => 'inbound' ]);
}
is(sample('voiceai_calls_refused_total'), 1, 'a call was refused');
is(sample('voiceai_calls_active{zone="others"}'), 1, 'another is there');
for my $status ('in-progress', 'completed', 'completed') {
    ask($port, 'POST /status', host => 'named.example.com',
        form => [ CallSid => sprintf('CA%032x', 1), AccountSid => 'AC1',
            CallStatus => $status ]);
}
is(sample('voiceai_calls_ended_total{status="completed"}'), 1,
    'and ends once, however often that is told');

# ---- what is left of it

kill 'KILL', ($server->workers)[0];
ok(wait_for(10, sub { (page()->{status} // 0) == 200
    && sample('voiceai_workers') eq '2' }), 'a worker was replaced');
is(sample('voiceai_calls_total{direction="inbound"}'), 2,
    'its counts are kept');
$server->signal('HUP');
ok(wait_for(20, sub { sample('voiceai_workers') eq '2'
    && $server->log =~ /reconfiguring/ }), 'a reload');
is(sample('voiceai_calls_total{direction="inbound"}'), 2, 'keeps them too');

# ---- read by others

open my $copy, '>', "$dir/metrics" or die;
print $copy page()->{body};
close $copy;
($exit, $out) = run_command('sh', '-c', "promtool check metrics <$dir/metrics");
is("$exit $out", '0 ', 'the linter of Prometheus has nothing to say');

my $open = page(headers => {
    Accept => 'application/openmetrics-text; version=1.0.0' });
like($open->{type}, qr{^application/openmetrics-text; version=1\.0\.0},
    'OpenMetrics when asked for');
like($open->{body}, qr/^# TYPE voiceai_calls counter$/m, 'named its way');
like($open->{body}, qr/\n# EOF\n\z/, 'and ended its way');

my $docs = VoiceAI::project_root() . '/docs/prometheus';
($exit, $out) = run_command('promtool', 'check', 'rules',
    "$docs/voiceai.rules.yml");
is($exit, 0, 'the alert rules are rules') or diag($out);

# Whatever is drawn or alerted on is there.
my %known = map { $_ => 1 } $text =~ /^(?:# TYPE )?(voiceai_\w+)/mg;
my $used = VoiceAI::slurp("$docs/voiceai.rules.yml")
    . join ' ', map { $_->{expr} } map { @{$_->{targets}} }
    @{decode_json(VoiceAI::slurp("$docs/grafana.json"))->{panels}};
is_deeply([grep { !$known{$_} } $used =~ /\b(voiceai_\w+)/g], [],
    'and of metrics that exist, as is the dashboard');
my ($table) = VoiceAI::slurp("$docs/../metrics.md") =~ /(\| metric .*)/s;
my %told = map { $_ => 1 } $table =~ /`(voiceai_\w+)`/g;
is_deeply([grep { !$told{$_} } sort keys %{{ map { s/_(?:bucket|sum|count)$//r
    => 1 } keys %known }}], [], 'every metric is documented');

my $web = free_port();
open my $conf, '>', "$dir/prometheus.yml" or die;
print $conf <<"END";
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: voiceai
    metrics_path: /figures
    authorization: { credentials: $key }
    proxy_url: http://127.0.0.1:$port
    static_configs: [ { targets: [ 'named.example.com' ] } ]
END
close $conf;
my $prometheus = start_process({ log => "$dir/prometheus.log" }, 'prometheus',
    "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/tsdb",
    "--web.listen-address=127.0.0.1:$web");
wait_port($web, 30) or die VoiceAI::slurp("$dir/prometheus.log");

# Returns what Prometheus knows of a series.
sub query
{
    my ($series) = @_;
    my $answer = ask($web, "GET /api/v1/query?query=$series");
    my $json = eval { decode_json($answer->{body}) } // {};
    return ($json->{data}{result}[0]{value} // [])->[1] // 'none';
}

ok(wait_for(30, sub { query('up') eq '1' }), 'Prometheus scrapes it')
    or diag(VoiceAI::slurp("$dir/prometheus.log"),
        ask($web, 'GET /api/v1/targets')->{body});
is(query('sum(voiceai_calls_total)'), 2, 'and knows the calls');
is(query('sum(voiceai_stream_duration_seconds_count)'), 1,
    'and the histograms');
stop_process($prometheus);

$server->stop(qr/exited on signal 9|has died|is full/);

done_testing();
