#!/usr/bin/python3
"""Makes sigv4_peer.inc: requests signed by botocore (Debian package python3-botocore), for sigv4_test.cpp to sign again.

    /usr/bin/python3 test/unit/net/sigv4_peer.py > test/unit/net/sigv4_peer.inc

A raw string literal of C++. One request a line, fields separated by tabs: service, region, time, access key, secret key, session token, method, url,
headers (name:value joined by \\x1f), body in hexadecimal, the Authorization header that botocore made. The seed is
fixed, so the file changes only with this script or with botocore.
"""
import datetime
import random
import string
import sys
import urllib.parse

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

rng = random.Random(20261120)
UNRESERVED = string.ascii_letters + string.digits + '-._~'
ODD = ' !$&\'()*+,;=:@/?#[]%"<>\\^`{|}äß漢字🙂'


def text(alphabet, low, high):
    return ''.join(rng.choice(alphabet) for _ in range(rng.randint(low, high)))


def path(service):
    segments = [urllib.parse.quote(text(UNRESERVED + ODD, 0 if service == 's3' else 1, 8), safe='')
                for _ in range(rng.randint(0, 4))]
    if service != 's3' and rng.random() < 0.3:
        segments.insert(rng.randint(0, len(segments)), rng.choice(['.', '..', '']))
    return '/' + '/'.join(segments) + rng.choice(['', '/'] if segments else [''])


def query():
    pairs = [(text(UNRESERVED + ODD, 1, 6), text(UNRESERVED + ODD, 0, 8)) for _ in range(rng.choice([0, 0, 1, 3]))]
    if pairs and rng.random() < 0.3:
        pairs.append((pairs[0][0], text(UNRESERVED, 1, 3)))
    return '&'.join(f'{urllib.parse.quote(k, safe="-._~")}={urllib.parse.quote(v, safe="-._~")}' for k, v in pairs)


def headers():
    made = {}
    for _ in range(rng.randint(0, 4)):
        name = rng.choice(['X-', 'My-', 'content-', 'ZZ-']) + text(string.ascii_letters + string.digits, 1, 8)
        made[name.title() if rng.random() < 0.5 else name] = text(string.ascii_letters + string.digits + '  "=;,:/', 0, 20)
    if rng.random() < 0.7:
        made['Content-Type'] = rng.choice(['application/json', 'application/x-amz-json-1.0', 'text/plain;  charset=utf-8'])
    made.pop('Content-Length', None)
    return made


def main():
    print('R"peer(', end='')
    for _ in range(160):
        service = rng.choice(['lambda', 'sqs', 'sns', 'events', 'states', 'execute-api', 's3'])
        region = rng.choice(['us-east-1', 'eu-central-1', 'cn-north-1'])
        when = datetime.datetime(2015, 8, 30, 12, 36) + datetime.timedelta(seconds=rng.randint(0, 10**9))
        key = Credentials('AKIA' + text(string.ascii_uppercase, 16, 16), text(string.ascii_letters + '+/', 40, 40),
                          text(string.ascii_letters + '+/=', 100, 300) if rng.random() < 0.5 else None)
        method = rng.choice(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])
        host = rng.choice([f'{service}.{region}.amazonaws.com', 'localhost:4566', '127.0.0.1:8443'])
        asked = query()
        url = f'https://{host}{path(service)}' + ('?' + asked if asked else '')
        given = headers()
        body = b'' if method == 'GET' else bytes(rng.randrange(256) for _ in range(rng.randint(0, 60)))
        request = AWSRequest(method=method, url=url, headers=dict(given), data=body)

        class Clock(datetime.datetime):
            @classmethod
            def utcnow(cls):
                return when

        botocore.auth.datetime.datetime = Clock
        if hasattr(botocore.auth, 'get_current_datetime'):
            botocore.auth.get_current_datetime = lambda: when
        signer = botocore.auth.S3SigV4Auth if service == 's3' else botocore.auth.SigV4Auth
        if service == 's3':
            request.context['payload_signing_enabled'] = True
            request.context['client_config'] = None
        signer(key, service, region).add_auth(request)
        print('\t'.join([service, region, when.strftime('%Y%m%dT%H%M%SZ'), key.access_key, key.secret_key, key.token or '',
                         method, url, '\x1f'.join(f'{k}:{v}' for k, v in given.items()), body.hex(),
                         request.headers['Authorization']]))
    print(')peer"')


if __name__ == '__main__':
    sys.exit(main())
