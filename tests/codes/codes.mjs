// Joins and cuts QR frames with the programs that others wrote. Frames come and go one on each line:
//   node codes.mjs join        frames -> one JSON document {kind, hex}
//   node codes.mjs bbqr KIND   hex of a file -> frames of BBqr
//   node codes.mjs ur KIND     hex of CBOR -> parts of UR
//   node codes.mjs output      frames of a crypto-output -> JSON {threshold, keys}
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { joinQRs, splitQRs } from 'bbqr';
const require = createRequire(import.meta.url);
const { UR, URDecoder, UREncoder } = require('@ngraveio/bc-ur');
const { CryptoOutput } = require('@keystonehq/bc-ur-registry');

const [what, kind] = process.argv.slice(2);
const text = readFileSync(0, 'utf8').trim();
const lines = text.split('\n');

function joinUr() {
  const decoder = new URDecoder();
  for (const line of lines) decoder.receivePart(line.toLowerCase());
  if (!decoder.isSuccess()) throw new Error('not complete');
  return decoder.resultUR();
}

if (what === 'join' && text.startsWith('B$')) {
  const { fileType, raw } = joinQRs(lines);
  console.log(JSON.stringify({ kind: fileType, hex: Buffer.from(raw).toString('hex') }));
} else if (what === 'join') {
  const ur = joinUr();
  const bytes = ['bytes', 'crypto-psbt'].includes(ur.type) ? ur.decodeCBOR() : ur.cbor;
  console.log(JSON.stringify({ kind: ur.type, hex: bytes.toString('hex') }));
} else if (what === 'output') {
  const output = CryptoOutput.fromCBOR(joinUr().cbor);
  const multi = output.getMultiKey();
  const keys = multi.getKeys().map((key) => ({
    fingerprint: key.getOrigin().getSourceFingerprint().toString('hex'),
    path: key.getOrigin().getPath(),
    key: key.getKey().toString('hex'),
    chain: key.getChainCode().toString('hex'),
  }));
  const scripts = output.getScriptExpressions().map((one) => one.getExpression());
  console.log(JSON.stringify({ threshold: multi.getThreshold(), keys, scripts }));
} else if (what === 'bbqr') {
  const { parts } = splitQRs(Buffer.from(text, 'hex'), kind, { minVersion: 10, maxVersion: 15 });
  console.log(parts.join('\n'));
} else if (what === 'ur') {
  const encoder = new UREncoder(new UR(Buffer.from(text, 'hex'), kind), 150);
  const parts = [];
  for (let at = 0; at < 3 * encoder.fragmentsLength; at++) parts.push(encoder.nextPart());
  console.log(parts.slice(1).join('\n'));
} else {
  throw new Error(`unknown: ${what}`);
}
