/**
 * Upper halves of code pages that the platform's decoder lacks, or reads in another way than their owners define (Unicode's
 * mapping tables, https://www.unicode.org/Public/MAPPINGS/VENDORS/). U+FFFD: no such character.
 */
const UPPER: Readonly<Record<string, string>> = {
  'windows-1252':
    '\u20ac\ufffd\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\ufffd\u017d\ufffd\ufffd\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\ufffd\u017e\u0178',
  cp437:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0',
  cp850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0',
  cp852:
    'ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u00ad˝˛ˇ˘§÷¸°¨˙űŘř■\u00a0',
};

const LABELS: Readonly<Record<string, string>> = { cp866: 'ibm866', 'iso-8859-9': 'windows-1254' };

/** The 256 characters of an encoding of single bytes; null: the byte stands for none. */
export function codePage(encoding: string): (string | null)[] {
  const upper = UPPER[encoding];
  const decoder = upper || encoding === 'latin1' ? null : new TextDecoder(LABELS[encoding] ?? encoding);
  const iso = encoding.startsWith('iso-') || encoding === 'latin1';
  return Array.from({ length: 256 }, (_, byte) => {
    const same = String.fromCharCode(byte);
    // ISO 8859 has control characters there, whatever a browser takes them for.
    if (byte < 0x80 || (iso && byte < 0xa0)) return same;
    const character = upper?.[byte - 0x80] ?? decoder?.decode(Uint8Array.of(byte)) ?? same;
    return isDefined(character, iso || encoding.startsWith('koi8')) ? character : null;
  });
}

/** Browsers fill gaps of the Windows pages with control characters and private ones; their owners leave them empty. */
function isDefined(character: string, controls: boolean): boolean {
  const code = character.codePointAt(0) ?? 0xfffd;
  if (code === 0xfffd || (code >= 0xe000 && code <= 0xf8ff && code !== 0xf8ff)) return false;
  return controls || code < 0x80 || code > 0x9f;
}
