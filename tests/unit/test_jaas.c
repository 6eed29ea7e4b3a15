#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/jaas.h"
#include "tests/unit/test.h"

#define PLAIN "org.apache.kafka.common.security.plain.PlainLoginModule required "
#define SCRAM "org.apache.kafka.common.security.scram.ScramLoginModule required "
#define KRB5 "com.sun.security.auth.module.Krb5LoginModule required "
#define OAUTH "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "

/* "name=value;name=value" */
static void render(const struct jaas_pair *pairs, size_t count, char *out, size_t size) {
        size_t n = 0;
        out[0] = '\0';
        for (size_t i = 0; i < count && n < size; i++)
                n += (size_t)snprintf(out + n, size - n, "%s%s=%s", i ? ";" : "", pairs[i].name, pairs[i].value);
}

static void good_ones(void **state) {
        (void)state;
        static const struct {
                const char *text, *mechanism, *expect;
        } rows[] = {
                {PLAIN "username=\"u\" password=\"p\";", "PLAIN", "sasl.username=u;sasl.password=p"},
                {PLAIN "username='u' password='it\\'s \"so\"' ;", "PLAIN", "sasl.username=u;sasl.password=it's \"so\""},
                {PLAIN "\n username = u\n\t// comment = x\n password=\"a\\\\b\\tc\\1014\" /* and; */ ;\n", "PLAIN",
                 "sasl.username=u;sasl.password=a\\b\tcA4"},
                {PLAIN "username=u password=12345-_.$;", "PLAIN", "sasl.username=u;sasl.password=12345-_.$"},
                {PLAIN "username=u password=\"\" password=\"=;\";", "PLAIN", "sasl.username=u;sasl.password==;"},
                {PLAIN "username=u password=p user_admin=x;", "PLAIN", "sasl.username=u;sasl.password=p"},
                {SCRAM "username=u password=p tokenauth=false;", "SCRAM-SHA-512", "sasl.username=u;sasl.password=p"},
                {SCRAM "username=u password=p;", "SCRAM-SHA-256", "sasl.username=u;sasl.password=p"},
                {KRB5 "useKeyTab=true storeKey=true keyTab=\"/etc/k.keytab\" principal=\"m@R\" serviceName=kafka;", "GSSAPI",
                 "sasl.kerberos.keytab=/etc/k.keytab;sasl.kerberos.principal=m@R;sasl.kerberos.service.name=kafka"},
                {KRB5 "useTicketCache=true;", "GSSAPI", "sasl.kerberos.kinit.cmd="},
                {OAUTH ";", "OAUTHBEARER", ""},
                {OAUTH "clientId=i clientSecret=\"s s\" scope=x extension_a=1 extension_b=2;", "OAUTHBEARER",
                 "sasl.oauthbearer.client.id=i;sasl.oauthbearer.client.secret=s s;sasl.oauthbearer.scope=x;"
                 "sasl.oauthbearer.extensions=a=1,b=2;sasl.oauthbearer.method=oidc"},
                {OAUTH "unsecuredLoginStringClaim_sub=\"alice\" unsecuredLoginLifetimeSeconds=60;", "OAUTHBEARER",
                 "enable.sasl.oauthbearer.unsecure.jwt=true;sasl.oauthbearer.config=principal=alice lifeSeconds=60"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct jaas jaas;
                struct jaas_pair *pairs = NULL;
                size_t count = 0;
                char why[300] = "", shown[600];
                int rc = jaas_parse(rows[i].text, &jaas, why, sizeof why);
                if (!rc) rc = jaas_settings(&jaas, rows[i].mechanism, &pairs, &count, why, sizeof why);
                if (rc) print_error("row %zu: %s\n", i, why);
                assert_int_equal(rc, 0);
                render(pairs, count, shown, sizeof shown);
                assert_string_equal(shown, rows[i].expect);
                jaas_pairs_free(pairs, count);
                jaas_fini(&jaas);
        }
}

static void bad_ones(void **state) {
        (void)state;
        static const struct {
                const char *text, *mechanism, *why;
        } rows[] = {
                {"", "PLAIN", "expected a login module, such as org.apache.kafka.common.security.plain.PlainLoginModule"},
                {"org.apache.kafka.common.security.plain.PlainLoginModul required;", "PLAIN",
                 "unknown login module; did you mean 'org.apache.kafka.common.security.plain.PlainLoginModule'?"},
                {"my.Module required;", "PLAIN",
                 "unknown login module; expected Kafka's PlainLoginModule, ScramLoginModule or OAuthBearerLoginModule, or Krb5LoginModule"},
                {"org.apache.kafka.common.security.plain.PlainLoginModule username=u password=hush;", "PLAIN",
                 "expected 'required' behind PlainLoginModule"},
                {PLAIN "username=u password=hush", "PLAIN", "expected ';' at the end"},
                {PLAIN "username=u password=hush; x", "PLAIN", "expected one login module, and nothing behind its ';'"},
                {PLAIN "username=u password=\"hush;", "PLAIN", "the quotes around the value of 'password' do not end"},
                {PLAIN "username=u password=\"hush\nhush\";", "PLAIN", "the quotes around the value of 'password' do not end"},
                {PLAIN "username=u password=;", "PLAIN", "expected a value behind 'password='"},
                {PLAIN "username=u password hush;", "PLAIN", "expected '=' and a value behind 'password'"},
                {PLAIN "username=u pasword=hush;", "PLAIN", "unknown option; did you mean 'password'?"},
                {PLAIN "username=u password=hush hush;", "PLAIN",
                 "unknown option of PlainLoginModule, or a value without quotes around it"},
                {PLAIN "username=u;", "PLAIN", "'password' is missing"},
                {PLAIN "username=u password=hush;", "GSSAPI", "PlainLoginModule goes with sasl.mechanism = PLAIN, not GSSAPI"},
                {SCRAM "username=u password=hush;", "PLAIN",
                 "ScramLoginModule goes with sasl.mechanism = SCRAM-SHA-256 or SCRAM-SHA-512, not PLAIN"},
                {SCRAM "username=u password=hush tokenauth=true;", "SCRAM-SHA-512",
                 "'tokenauth': delegation tokens are not supported"},
                {KRB5 "useKeyTab=true keyTab=k;", "GSSAPI", "useKeyTab=true needs keyTab and principal"},
                {KRB5 "principal=k;", "GSSAPI",
                 "expected useKeyTab=true with keyTab and principal, or useTicketCache=true"},
                {KRB5 "useTicketCache=true ticketCache=\"/x\";", "GSSAPI",
                 "'ticketCache': set KRB5CCNAME in the environment instead"},
                {OAUTH "clientId=i;", "OAUTHBEARER", "clientId and clientSecret go together"},
                {OAUTH "unsecuredLoginStringClaim_sub=\"a b\";", "OAUTHBEARER",
                 "expected a name without blanks and a number of seconds for the unsecured token"},
                {OAUTH "unsecuredLoginListClaim_x=\"a b\";", "OAUTHBEARER",
                 "'unsecured*': of unsecured tokens, only unsecuredLoginStringClaim_sub and unsecuredLoginLifetimeSeconds are supported"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct jaas jaas;
                struct jaas_pair *pairs = NULL;
                size_t count = 0;
                char why[300] = "";
                int rc = jaas_parse(rows[i].text, &jaas, why, sizeof why);
                if (!rc) {
                        rc = jaas_settings(&jaas, rows[i].mechanism, &pairs, &count, why, sizeof why);
                        jaas_fini(&jaas);
                }
                assert_int_equal(rc, ERR_INVALID);
                assert_string_equal(why, rows[i].why);
                assert_null(strstr(why, "hush"));
                assert_null(pairs);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_ones),
                cmocka_unit_test(bad_ones),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
