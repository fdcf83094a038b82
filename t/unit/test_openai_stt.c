#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai_reader.h"
#include "audio/va_g711.h"
#include "audio/va_wav.h"

static const answer_t ok = {
    VA_AI_STT, {.model = {0}}, 200, "application/json", NULL};

static const char *part(const va_ai_request_t *req, const char *name)
{
    size_t i;

    for (i = 0; i < req->part_count; i++) {
        if (strcmp(req->parts[i].name, name) == 0) {
            return req->parts[i].data.data;
        }
    }
    return NULL;
}

static va_ai_conf_t conf(void)
{
    return (va_ai_conf_t){.url = VA_STR("https://api.example.com/v1/"),
                          .key = VA_STR(KEY),
                          .model = VA_STR("whisper-1"),
                          .language = VA_STR("en-US")};
}

static va_ai_input_t input(const uint8_t *ulaw, size_t n)
{
    return (va_ai_input_t){.stage = VA_AI_STT,
                           .ulaw = ulaw,
                           .ulaw_len = n,
                           .context = VA_STR("What is your name?")};
}

static void passes_parameters_on(void **state)
{
    uint8_t ulaw[160] = {0};
    char name[] = "temperature";
    const va_ai_param_t params[] = {
        {{name, strlen(name)}, VA_STR("0.2")},
        {VA_STR("response_format"), VA_STR("verbose_json")},
        {VA_STR("file"), VA_STR("no")},
        {VA_STR("timestamp_granularities[]"), VA_STR("word")},
    };
    va_ai_conf_t c = conf();
    va_ai_input_t in = input(ulaw, sizeof(ulaw));
    va_ai_param_t many[VA_AI_PARTS];
    va_ai_request_t req;
    size_t i;

    (void)state;
    c.params = params;
    c.param_count = 4;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_OK);
    name[0] = 'x'; /* it was copied */
    assert_string_equal(part(&req, "temperature"), "0.2");
    assert_string_equal(part(&req, "response_format"), "verbose_json");
    assert_string_equal(part(&req, "timestamp_granularities[]"), "word");
    assert_memory_equal(part(&req, "file"), "RIFF", 4);
    assert_int_equal(req.part_count, 7);
    va_ai_request_free(&req);

    for (i = 0; i < VA_AI_PARTS; i++) {
        many[i] = params[0];
    }
    c.params = many;
    c.param_count = VA_AI_PARTS;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_LIMIT);
    va_ai_request_free(&req);
}

static void builds_a_request(void **state)
{
    uint8_t ulaw[3000];
    va_ai_conf_t c = conf();
    va_ai_input_t in = input(ulaw, sizeof(ulaw));
    va_ai_request_t req;
    va_wav_info_t info;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(ulaw); i++) {
        ulaw[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_OK);
    assert_string_equal(req.url.data,
                        "https://api.example.com/v1/audio/transcriptions");
    assert_int_equal(req.header_count, 1);
    assert_string_equal(req.headers[0].data, "Authorization: Bearer " KEY);
    assert_int_equal(req.body.len, 0);
    assert_int_equal(req.part_count, 5);
    assert_string_equal(part(&req, "model"), "whisper-1");
    assert_string_equal(part(&req, "language"), "en");
    assert_string_equal(part(&req, "prompt"), "What is your name?");
    assert_string_equal(part(&req, "response_format"), "json");

    assert_string_equal(req.parts[0].name, "file");
    assert_string_equal(req.parts[0].filename, "audio.wav");
    assert_string_equal(req.parts[0].type, "audio/wav");
    assert_int_equal(req.parts[0].data.len, 44 + 2 * sizeof(ulaw));
    assert_int_equal(va_wav_parse(&info, (uint8_t *)req.parts[0].data.data,
                                  req.parts[0].data.len),
                     VA_OK);
    assert_int_equal(info.format, VA_WAV_PCM);
    assert_int_equal(info.rate, 8000);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.data_len, 2 * sizeof(ulaw));
    for (i = 0; i < sizeof(ulaw); i++) {
        uint8_t *p = (uint8_t *)req.parts[0].data.data + 44 + 2 * i;
        int16_t pcm;

        va_ulaw_decode(&pcm, &ulaw[i], 1);
        assert_int_equal((int16_t)(uint16_t)(p[0] | p[1] << 8), pcm);
    }
    va_ai_request_free(&req);
    assert_int_equal(req.part_count, 0);
    assert_int_equal(req.header_count, 0);
}

static void leaves_out_what_is_not_set(void **state)
{
    static const uint8_t ulaw[160];
    va_ai_conf_t c = {.url = VA_STR("http://127.0.0.1:8000/v1")};
    va_ai_input_t in = {.stage = VA_AI_STT, .ulaw = ulaw, .ulaw_len = 160};
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_OK);
    assert_int_equal(req.header_count, 0);
    assert_int_equal(req.part_count, 2);
    va_ai_request_free(&req);
}

static void tells_only_the_primary_language(void **state)
{
    static const struct {
        const char *tag, *want;
    } tags[] = {{"de", "de"},      {"PT-br", "pt"}, {"zh_CN", "zh"},
                {"yue-HK", "yue"}, {"e", NULL},     {"english", NULL},
                {"", "en"},        {"12-US", NULL}, {"-", NULL}};
    static const uint8_t ulaw[160];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        va_ai_conf_t c = conf();
        va_ai_input_t in = input(ulaw, 160);
        va_ai_request_t req;
        const char *language;

        in.language = va_str(tags[i].tag);
        assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_OK);
        language = part(&req, "language");
        if (tags[i].want == NULL) {
            assert_null(language);
        } else {
            assert_string_equal(language, tags[i].want);
        }
        va_ai_request_free(&req);
    }
}

static void long_context_keeps_its_end(void **state)
{
    static const uint8_t ulaw[160];
    char text[3001];
    va_ai_conf_t c = conf();
    va_ai_input_t in = input(ulaw, 160);
    va_ai_request_t req;
    const char *prompt;
    size_t i;

    (void)state;
    for (i = 0; i < 3000; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    text[2999] = 'z';
    in.context = (va_str_t){text, 3000};
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_OK);
    prompt = part(&req, "prompt");
    assert_non_null(prompt);
    assert_in_range(strlen(prompt), 700, 800);
    assert_memory_equal(prompt, "\xe2\x82\xac", 3);
    assert_int_equal(prompt[strlen(prompt) - 1], 'z');
    va_ai_request_free(&req);
}

static void refuses_bad_requests(void **state)
{
    static uint8_t ulaw[VA_AI_BODY_MAX];
    va_ai_conf_t c = conf();
    va_ai_input_t in = input(ulaw, 0);
    va_ai_request_t req;

    (void)state;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
    in.ulaw_len = VA_AI_BODY_MAX / 2;
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_LIMIT);
    va_ai_request_free(&req);
    in.ulaw_len = sizeof(ulaw);
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_LIMIT);
    va_ai_request_free(&req);
    in.ulaw_len = 160;
    assert_int_equal(va_ai_request(&req, VA_STR("nobody"), &c, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
    c.key = VA_STR("sk-a\r\nX-Evil: 1");
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
    c.key = VA_STR("\tsk-a");
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
    memset(ulaw, 'k', sizeof(ulaw));
    c.key = (va_str_t){(char *)ulaw, 10000};
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_LIMIT);
    va_ai_request_free(&req);
    c = conf();
    c.url = (va_str_t){(char *)ulaw, 10000};
    c.key = VA_STR("");
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in), VA_LIMIT);
    va_ai_request_free(&req);
    c.url = VA_STR("http://host/v1 x");
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
    c.url = VA_STR("http://host/v1 HTTP/1.1\r\n");
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
    c.url = VA_STR("///");
    assert_int_equal(va_ai_request(&req, VA_STR("openai"), &c, &in),
                     VA_INVALID);
    va_ai_request_free(&req);
}

static void knows_its_kinds(void **state)
{
    (void)state;
    assert_true(va_ai_known(VA_STR("openai"), VA_AI_STT));
    assert_true(va_ai_known(VA_STR("openai"), VA_AI_LLM));
    assert_true(va_ai_known(VA_STR("openai"), VA_AI_TTS));
    assert_false(va_ai_known(VA_STR("openaix"), VA_AI_STT));
    assert_false(va_ai_known(VA_STR(""), VA_AI_STT));
}

static void transcript(const answer_t *a, const char *body, const char *want,
                       double confidence)
{
    told_t told = {0};

    ai_run_split(&told, a, body, strlen(body));
    assert_int_equal(told.rc, VA_OK);
    assert_int_equal(told.events, 1);
    assert_int_equal(told.text.len, strlen(want));
    if (told.text.len != 0) {
        assert_string_equal(told.text.data, want);
    }
    assert_true(told.confidence > confidence - 0.001 &&
                told.confidence < confidence + 0.001);
    ai_forget(&told);
}

static void reads_transcripts(void **state)
{
    const answer_t html = {VA_AI_STT, {.model = {0}}, 299, "text/html", NULL};

    (void)state;
    transcript(&ok,
               "{\"text\":\"Hello there.\",\"usage\":{\"type\":\"tokens\","
               "\"input_tokens\":14,\"total_tokens\":45}}",
               "Hello there.", -1);
    transcript(&ok, "{\"text\": \" First part.\\n Second part.\\n\"}",
               "First part. Second part.", -1);
    transcript(&html, "{\"text\":\"Gr\\u00fc\xc3\x9f Gott\"}",
               "Gr\xc3\xbc\xc3\x9f Gott", -1);
    transcript(&ok, "{\"text\":\"\"}", "", -1);
    transcript(&ok, "{\"text\":\" \\n\",\"error\":null}", "", -1);
    transcript(&ok, "{\"text\":\"yes\",\"confidence\":0.75}", "yes", 0.75);
    transcript(&ok, "{\"text\":\"yes\",\"confidence\":0}", "yes", 0);
    transcript(&ok, "{\"text\":\"yes\",\"confidence\":1}", "yes", 1);
    transcript(&ok, "{\"text\":\"yes\",\"confidence\":1.5}", "yes", -1);
    transcript(&ok, "{\"text\":\"yes\",\"confidence\":-3}", "yes", -1);
    transcript(&ok, "{\"text\":\"yes\",\"confidence\":[]}", "yes", -1);
}

static void tells_why_it_failed(void **state)
{
    answer_t a = {VA_AI_STT, {.model = {0}}, 401, "application/json", NULL};

    (void)state;
    ai_fails(&a,
             "{\"error\":{\"message\":\"Incorrect API key provided: " KEY
             ".\",\"type\":\"invalid_request_error\",\"param\":null,"
             "\"code\":\"invalid_api_key\"}}",
             VA_FAILED,
             "HTTP 401: Incorrect API key provided: ***. (invalid_api_key)");
    ai_fails(&a,
             "{\"error\":{\"message\":\"Key sk-test-****89abcdef is bad\"}}",
             VA_FAILED, "HTTP 401: Key ********** is bad");
    a.status = 429;
    ai_fails(&a,
             "{\"error\":{\"message\":\"You exceeded your quota.\","
             "\"type\":\"insufficient_quota\",\"code\":null}}",
             VA_FAILED,
             "HTTP 429: You exceeded your quota. (insufficient_quota)");
    a.status = 422;
    ai_fails(&a,
             "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}",
             VA_FAILED, "HTTP 422: field required");
    ai_fails(&a, "{\"detail\":\"Not Found\"}", VA_FAILED, "Not Found");
    ai_fails(&a, "{\"detail\":{\"error\":\"x\",\"message\":\"no voice\"}}",
             VA_FAILED, "no voice");
    ai_fails(&a, "{\"error\":\"failed to\\n\\tread \\u001b[31m audio\"}",
             VA_FAILED, "failed to  read  [31m audio");
    ai_fails(&a, "{\"error\":{\"code\":\"full\"}}", VA_FAILED,
             "HTTP 422: (full)");
    ai_fails(&a, "{\"unknown\":1}", VA_FAILED, "HTTP 422");
    a.type = "text/plain";
    ai_fails(&a, "upstream said\r\nno \xff\xfe.", VA_FAILED,
             "HTTP 422: upstream said  no ??.");
    a.status = 500;
    a.type = "text/html";
    ai_fails(&a, "<html><body>Internal error</body></html>", VA_FAILED,
             "HTTP 500");
    ai_fails(&a, "", VA_FAILED, "HTTP 500");
    a.status = 302;
    ai_fails(&a, "moved", VA_FAILED, "HTTP 302: moved");
}

static void errors_are_short_and_whole(void **state)
{
    answer_t a = {VA_AI_STT, {.model = {0}}, 500, "text/plain", NULL};
    char body[4000];
    told_t told = {0};
    size_t i;

    (void)state;
    body[0] = 'x';
    for (i = 1; i + 2 < sizeof(body); i += 3) {
        memcpy(body + i, "\xe2\x82\xac", 3);
    }
    ai_run(&told, &a, body, i, 0, sizeof(body));
    assert_in_range(strlen(told.error), 250, 255);
    assert_memory_equal(told.error + strlen(told.error) - 3, "\xe2\x82\xac", 3);
    ai_forget(&told);
}

static void refuses_bad_answers(void **state)
{
    (void)state;
    ai_fails(&ok, "", VA_INVALID, "not JSON");
    ai_fails(&ok, "{\"text\":\"cut", VA_INVALID, "not JSON");
    ai_fails(&ok, "<html>Please log in</html>", VA_INVALID, "not JSON");
    ai_fails(&ok, "Hello there.", VA_INVALID, "not JSON");
    ai_fails(&ok, "{\"txet\":\"x\"}", VA_INVALID, "no text");
    ai_fails(&ok, "[]", VA_INVALID, "no text");
    ai_fails(&ok, "{\"text\":5}", VA_INVALID, "no text");
    ai_fails(&ok, "{\"text\":\"x\",\"error\":{\"message\":\"late\"}}",
             VA_FAILED, "late");
    ai_fails(&ok, "{\"error\":{\"other\":1}}", VA_FAILED, "not explained");
    ai_refuses_100_mb(&ok, "{\"text\":\"");
}

static void a_long_error_body_is_read_to_its_bound(void **state)
{
    answer_t a = {VA_AI_STT, {.model = {0}}, 500, "text/plain", NULL};
    static char body[200000];
    told_t told = {0};

    (void)state;
    memset(body, 'e', sizeof(body));
    ai_run(&told, &a, body, sizeof(body), 0, 1000);
    assert_int_equal(told.rc, VA_FAILED);
    assert_int_equal(strlen(told.error), 255);
    ai_forget(&told);
    ai_refuses_100_mb(&a, "");
}

static void keeps_its_order(void **state)
{
    told_t told = {0};
    va_ai_reader_t *r = ai_start(&told, &ok);

    (void)state;
    told.rc = va_ai_reader_feed(r, (const uint8_t *)"{}", 2);
    assert_int_equal(told.rc, VA_INVALID);
    ai_end(&told, r);

    r = ai_start(&told, &ok);
    told.rc = va_ai_reader_finish(r);
    assert_int_equal(told.rc, VA_FAILED);
    assert_string_equal(va_ai_reader_error(r), "no answer");
    ai_end(&told, r);

    r = ai_start(&told, &ok);
    assert_int_equal(va_ai_reader_head(r, 200, VA_STR("")), VA_OK);
    told.rc = va_ai_reader_head(r, 200, VA_STR(""));
    assert_int_equal(told.rc, VA_INVALID);
    ai_end(&told, r);
    va_ai_reader_free(NULL);
}

static void stops_when_told(void **state)
{
    told_t told = {.stop_after = 1};

    (void)state;
    ai_run(&told, &ok, "{\"text\":\"hi\"}", 13, 0, 13);
    assert_int_equal(told.rc, VA_FAILED);
    assert_string_equal(told.error, "stopped");
    ai_forget(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_parameters_on),
        cmocka_unit_test(builds_a_request),
        cmocka_unit_test(leaves_out_what_is_not_set),
        cmocka_unit_test(tells_only_the_primary_language),
        cmocka_unit_test(long_context_keeps_its_end),
        cmocka_unit_test(refuses_bad_requests),
        cmocka_unit_test(knows_its_kinds),
        cmocka_unit_test(reads_transcripts),
        cmocka_unit_test(tells_why_it_failed),
        cmocka_unit_test(errors_are_short_and_whole),
        cmocka_unit_test(refuses_bad_answers),
        cmocka_unit_test(a_long_error_body_is_read_to_its_bound),
        cmocka_unit_test(keeps_its_order),
        cmocka_unit_test(stops_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
