/** The style sheet of the report: light and dark, screen and paper, no external resource. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;
--page:#fff;--ink:#1b2430;--muted:#5a6675;--line:#dfe4ea;--soft:#f5f7f9;--link:#0b5cad;
--good:#176639;--good-soft:#e6f4ea;--warn:#7a4b00;--warn-soft:#fff3d6;--bad:#a31621;--bad-soft:#fdeaea;
--release:#2f6fb5;--release-box:#c4daf1;--release-leaf:#dfebf8;
--operator:#7a52b3;--operator-box:#dacdf0;--operator-leaf:#ece5f8;
--additional:#b0681a;--additional-box:#f3d9b8;--additional-leaf:#fbecd9;
--helm:#2c7f6f;--helm-box:#bde2d9;--helm-leaf:#dcf1ec;
--other:#687686;--other-box:#d6dce2;--other-leaf:#e8ecf0}
@media screen and (prefers-color-scheme:dark){:root{
--page:#14181d;--ink:#e4e8ed;--muted:#a0abb8;--line:#2d353f;--soft:#1b2128;--link:#7db7f0;
--good:#7fd39b;--good-soft:#17301f;--warn:#f0c26b;--warn-soft:#33270f;--bad:#ff9a9a;--bad-soft:#3b191b;
--release:#5c9fe6;--release-box:#1f456e;--release-leaf:#1a3655;
--operator:#a985e0;--operator-box:#46306b;--operator-leaf:#372755;
--additional:#dc9547;--additional-box:#63401a;--additional-leaf:#4e3316;
--helm:#4fb5a2;--helm-box:#1d5248;--helm-leaf:#18413a;
--other:#8d9bab;--other-box:#3b4651;--other-leaf:#2e3740}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;overflow-wrap:anywhere}
main,header,footer,nav{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
h1{font-size:32px;line-height:1.2;margin:4px 0 2px;letter-spacing:-.01em;font-weight:650}
h1 .serial{font-weight:400;color:var(--muted);font-size:22px;letter-spacing:0}
h2{font-size:21px;line-height:1.3;margin:48px 0 14px;font-weight:650;letter-spacing:-.005em}
h3{font-size:15px;margin:30px 0 8px;font-weight:650}
h3 .reference{font-weight:400;color:var(--muted)}
p{margin:0 0 12px}
a{color:var(--link)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;font-size:.86em}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:14px;margin:0;white-space:pre-wrap;line-height:1.45}
ul{margin:0;padding-left:1.2em}
.eyebrow{font-size:13px;color:var(--muted);margin:0;display:flex;gap:10px;align-items:center;font-weight:600}
.made,.note,.muted,.sub{color:var(--muted)}
.note{font-size:13.5px;margin:10px 0 0;max-width:78ch}
.note b{color:var(--ink);font-weight:600}
.sub{display:block;font-size:12.5px;line-height:1.45;margin-top:1px;font-weight:400}
.because span{color:var(--muted)}
.figures{display:grid;grid-template-columns:repeat(6,1fr);margin:24px 0 0;border:1px solid var(--line);border-radius:8px;overflow:hidden;background:var(--line);gap:1px}
.figures div{display:flex;flex-direction:column-reverse;justify-content:flex-end;padding:14px 16px;background:var(--page)}
.figures dd{margin:0;font-size:24px;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.figures dt{font-size:12.5px;color:var(--muted);line-height:1.35;margin-top:2px}
.figures .bad dd{color:var(--bad)}
nav{margin-top:18px;font-size:14px}
nav ul{list-style:none;padding:0 0 10px;margin:0;display:flex;flex-wrap:wrap;gap:6px 22px;border-bottom:1px solid var(--line)}
nav a{text-decoration:none}
nav a:hover,th a:hover{text-decoration:underline}
.chip{display:inline-block;font-size:12px;line-height:1.4;padding:1px 8px;border-radius:10px;font-weight:600;white-space:nowrap}
.chip.good{background:var(--good-soft);color:var(--good)}
.chip.warn{background:var(--warn-soft);color:var(--warn)}
.chip.bad{background:var(--bad-soft);color:var(--bad)}
.chip.plain{background:var(--soft);color:var(--muted);box-shadow:inset 0 0 0 1px var(--line)}
.notice{border-left:4px solid var(--line);background:var(--soft);border-radius:0 6px 6px 0;padding:12px 16px;margin:0 0 12px}
.notice.good{border-color:var(--good)}
.notice.warn{border-color:var(--warn)}
.notice.bad{border-color:var(--bad)}
.notice .lead{font-weight:600;margin:0}
.notice.good .lead{font-weight:400}
.notice>*+*{margin-top:8px;margin-bottom:0}
.warnings{list-style:none;padding:0;font-size:14px}
.warnings li{display:grid;grid-template-columns:fit-content(40%) 1fr;gap:10px;align-items:baseline}
.warnings .chip{white-space:normal}
.warnings li+li{margin-top:6px}
.scroll{overflow-x:auto}
.picture{margin-bottom:14px}
.picture svg{display:block}
.picture>svg{width:100%;min-width:680px;height:auto}
.picture text{fill:var(--ink);font-size:10px}
.picture .group{font-size:12px;font-weight:650}
.picture .size{font-size:11px}
.picture .small{font-size:9.5px;fill:var(--muted)}
.picture .end{text-anchor:end}
.c-release{--strong:var(--release);--box:var(--release-box);--leaf:var(--release-leaf)}
.c-operator{--strong:var(--operator);--box:var(--operator-box);--leaf:var(--operator-leaf)}
.c-additional{--strong:var(--additional);--box:var(--additional-box);--leaf:var(--additional-leaf)}
.c-helm{--strong:var(--helm);--box:var(--helm-box);--leaf:var(--helm-leaf)}
.c-other{--strong:var(--other);--box:var(--other-box);--leaf:var(--other-leaf)}
.box{fill:var(--box)}
.leaf{fill:var(--leaf)}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;background:var(--strong);margin-right:8px;vertical-align:-1px}
.bar{display:inline-block;width:72px;height:8px;border-radius:2px;vertical-align:1px}
.bar .track{fill:var(--line)}
.bar .value{fill:var(--strong)}
.percent{display:inline-block;min-width:42px;text-align:right;font-size:13px;color:var(--muted);font-variant-numeric:tabular-nums}
table{width:100%;border-collapse:collapse;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:8px 14px 8px 0;border-bottom:1px solid var(--line);font-weight:400}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:12.5px;color:var(--muted);font-weight:600;padding-bottom:5px;white-space:nowrap}
tbody th{font-weight:600}
tfoot th,tfoot td{font-weight:650;border-bottom:0}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.narrow{width:124px;white-space:nowrap}
.wide{width:42%}
details{border-bottom:1px solid var(--line)}
.notice details{border:0}
summary{display:flex;gap:16px;justify-content:space-between;align-items:baseline;padding:9px 0;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}
summary .title{font-weight:600}
summary .title::before{content:"";display:inline-block;width:0;height:0;border:4.5px solid transparent;border-left:6px solid var(--muted);margin-right:6px;vertical-align:0}
details[open]>summary .title::before{transform:rotate(90deg);transform-origin:30% 50%}
summary .aside{color:var(--muted);font-size:13.5px;text-align:right;font-variant-numeric:tabular-nums}
summary:hover .title{color:var(--link)}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:2px}
details .body{padding:2px 0 22px 16px}
#images tbody th{width:22%}
.sub code{font-size:10px}
.why{color:var(--muted);font-size:13.5px;margin-bottom:6px}
.facts{margin:0}
.facts div{display:grid;grid-template-columns:150px 1fr;gap:16px;padding:9px 0;border-bottom:1px solid var(--line)}
.facts dt{color:var(--muted)}
.facts dd{margin:0}
.facts ul{list-style:none;padding:0}
ins{text-decoration:none;color:var(--good);font-weight:600}
.counts{display:flex;flex-wrap:wrap;gap:8px;margin-top:16px}
footer{color:var(--muted);font-size:13px;padding-top:40px;padding-bottom:48px}
@media screen and (max-width:820px){
.figures{grid-template-columns:repeat(3,1fr)}
main,header,footer,nav{padding-left:16px;padding-right:16px}
.scroll table{min-width:640px}
.facts div{grid-template-columns:1fr;gap:2px}}
@media print{
@page{margin:14mm 13mm}
body{font-size:10pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main,header,footer,nav{max-width:none;padding-left:0;padding-right:0}
header,footer{padding-top:0}
nav{display:none}
h1{font-size:22pt}
h2{font-size:14pt;margin-top:22pt}
h2,h3,summary,thead{break-after:avoid}
tfoot{display:table-row-group}
tr,.keep,.notice,.figures,.picture,.facts div{break-inside:avoid}
table{font-size:8.5pt}
thead th,.sub,.percent,.figures dt{font-size:8pt}
.note,.why,summary .aside{font-size:8.5pt}
.sub code{font-size:6.5pt}
.figures dd{font-size:15pt}
.scroll{overflow:visible}
.picture>svg{min-width:0}
a{color:inherit;text-decoration:none}
details:not([open]){color:var(--muted)}
summary .title::before{display:none}
details .body{padding-left:0}}
`;
