"""How text is compared when somebody looks for it: 髙橋 is found by 高橋, タカハシ by ﾀｶﾊｼ and たかはし, 090-1234-5678 by ０９０１２３４５６７８.

Folding is done by functions of PostgreSQL, so that what an index holds and what is asked are folded by the same hand. What people see and what is
stored stay as they were given. A change of these functions needs a migration that builds the indexes on them anew.

``__finds`` looks for a part of a text, from two characters on by its pairs of neighbours (one character finds what begins with it); ``__folded``
and ``__digits`` compare whole codes and telephone numbers. Indexes: ``GinIndex(Pairs("name"))``, ``Index(Folded("code"))``,
``Index(Digits("phone"))``.

The legal form of a company is no part of its name: 株式会社青山 finds ㈱青山 and 青山(株), and an index knows the form by itself for who looks for
nothing else. Numbers and Latin letters have few pairs, which everything bears: of four and more an index knows each four in a row.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, CharField, Func, Lookup, TextField

# Each is followed by the form that everybody has on the keyboard. First the old forms of the standard kanji, then what names have beside them.
_VARIANTS = """
亞亜 惡悪 壓圧 圍囲 醫医 爲為 壹壱 隱隠 榮栄 營営 衞衛 驛駅 圓円 鹽塩 緣縁 艷艶 應応 歐欧 毆殴 櫻桜 奧奥 橫横 溫温 穩穏 假仮 價価 畫画 會会 繪絵
壞壊 懷懐 槪概 擴拡 殼殻 覺覚 學学 嶽岳 樂楽 渴渇 勸勧 卷巻 寬寛 歡歓 罐缶 觀観 關関 陷陥 顏顔 歸帰 氣気 龜亀 僞偽 戲戯 犧犠 舊旧 據拠 擧挙 虛虚
峽峡 挾挟 敎教 强強 狹狭 鄕郷 堯尭 曉暁 區区 驅駆 勳勲 薰薫 徑径 惠恵 揭掲 溪渓 經経 繼継 莖茎 螢蛍 輕軽 鷄鶏 藝芸 擊撃 缺欠 儉倹 劍剣 圈圏 檢検
權権 獻献 縣県 險険 顯顕 驗験 嚴厳 效効 廣広 恆恒 鑛鉱 號号 國国 黑黒 濟済 碎砕 齋斉 劑剤 册冊 雜雑 參参 慘惨 棧桟 蠶蚕 贊賛 殘残 絲糸 齒歯 兒児
辭辞 濕湿 實実 寫写 釋釈 壽寿 收収 從従 澁渋 獸獣 縱縦 肅粛 處処 緖緒 敍叙 奬奨 將将 涉渉 燒焼 稱称 證証 乘乗 剩剰 壤壌 孃嬢 條条 淨浄 狀状 疊畳
穰穣 讓譲 釀醸 囑嘱 觸触 寢寝 愼慎 晉晋 眞真 盡尽 圖図 粹粋 醉酔 穗穂 隨随 髓髄 樞枢 數数 瀨瀬 聲声 靑青 靜静 齊斉 攝摂 竊窃 專専 戰戦 淺浅 潛潜
纖繊 踐践 錢銭 禪禅 曾曽 雙双 壯壮 搜捜 插挿 巢巣 爭争 瘦痩 總総 莊荘 裝装 騷騒 增増 臟臓 藏蔵 卽即 屬属 續続 墮堕 體体 對対 帶帯 滯滞 臺台 瀧滝
擇択 澤沢 單単 擔担 膽胆 團団 彈弾 斷断 癡痴 遲遅 晝昼 蟲虫 鑄鋳 廳庁 徵徴 聽聴 敕勅 鎭鎮 遞逓 鐵鉄 轉転 點点 傳伝 黨党 盜盗 燈灯 當当 鬭闘 德徳
獨独 讀読 屆届 貳弐 惱悩 腦脳 霸覇 廢廃 拜拝 賣売 麥麦 發発 髮髪 拔抜 晚晩 蠻蛮 祕秘 濱浜 甁瓶 拂払 佛仏 倂併 竝並 變変 邊辺 步歩 寶宝 萠萌 豐豊
飜翻 每毎 萬万 滿満 麵麺 默黙 餠餅 戾戻 彌弥 藥薬 譯訳 豫予 餘余 與与 譽誉 搖揺 樣様 謠謡 遙遥 瑤瑶 來来 賴頼 亂乱 覽覧 龍竜 兩両 獵猟 綠緑 淚涙
壘塁 勵励 禮礼 隸隷 靈霊 齡齢 曆暦 歷歴 戀恋 鍊錬 爐炉 勞労 樓楼 郞郎 祿禄 錄録 亙亘 灣湾 凜凛 鷗鴎 檜桧 槇槙 禱祷 蟬蝉 賤賎 顚顛 籠篭 嚙噛 摑掴
塡填 頰頬 剝剥 𠮟叱 屛屏 幷并 搔掻 攪撹 桝枡 棲栖 溯遡 潑溌 濤涛 瀆涜 焰焔 硏研 禰祢 穎頴 繡繍 繫繋 萊莱 蔣蒋 蘆芦 蠟蝋 軀躯 醬醤 醱醗 靱靭 驒騨
鰺鯵 鶯鴬 麴麹 黃黄 姬姫 內内 兔兎 吳呉 舘館 淸清 絕絶 說説 悅悦 稅税 脫脱 銳鋭 閱閲 旣既 髙高 﨑崎 嵜崎 㟢崎 濵浜 𠮷吉 邉辺 斎斉 齎斉 嶋島 嶌島
㠀島 隝島 惪徳 冨富 峯峰 舩船 桒桑 栁柳 栢柏 梹檳 桺柳 槗橋 𣘺橋 藪薮 籔薮 籏旗 簱旗 圀国 囯国 囶国 埜野 壄野 墅野 渕淵 渊淵 濹墨 鉃鉄 鐡鉄 銕鉄
𦚰脇 曻昇 曺曹 冝宜 凉涼 㐂喜 囍喜 夘卯 夲本 夛多 冣最 㑹会 仝同 亰京 仭仞 侭儘 冲沖 决決 减減 况況 尙尚 尓爾 尒爾 巖巌 嵓巌 巗巌 迹跡 逹達 邨村
釼剣 劔剣 劎剣 劒剣 剱剣 鈎鉤 鎻鎖 闗関 閒間 阪坂 隂陰 雞鶏 靏鶴 靍鶴 鸖鶴 寉鶴 靎鶴 飮飲 餝飾 鳫雁 鴈雁 鼡鼠 龝秋 穐秋 秌秋 秊年 秇芸 秢齢 稻稲
竒奇 竃竈 簔蓑 簑蓑 籐藤 絋紘 綋紘 繩縄 羣群 羗羌 羮羹 聨聯 胷胸 臈臘 苅刈 葊庵 菴庵 蔴麻 蕋蕊 薗園 蘂蕊 蘓蘇 虵蛇 蛎蠣 蝿蠅 蠏蟹 衟道 覐覚 觧解
咏詠 諌諫 謌歌 譛譖 豎竪 豬猪 贒賢 赱走 軆体 躰体 骵体 軣轟 輌両 輙輒 辧弁 辨弁 瓣弁 辯弁 迩邇 逬迸 鄉郷 鄊郷 酧酬 鑚鑽 閇閉 閙鬧 阯址 陜峡 鄰隣
襍雑 靣面 頋顧 飃飄 馿驢 駈駆 騐験 鬪闘 鰛鰮 鷆鷏 鹼鹸 鼇鰲 龢和 咊和 㐧第 㐫凶 㔟勢 㝡最 㠯以 㡡厨 㣺心 㪅更 㪍勃 㬢曦 㮶松 枩松 柗松 梥松 枀松
㳒法 㴱深 㵎澗 㽵荘 庄荘 䂓規 䇳箋 䉤薮 䑓台 艸草 䕃蔭 䟽疎 疏疎 丗世 卋世 丣酉 乕虎 乹乾 亊事 亝斉 亣大 仐傘 仸仏 侌陰 侫佞 俻備 偹備 僊仙 僲仙
僣僭 儁俊 兠兜 冐冒 冩写 凢凡 凣凡 凾函 刧劫 刼劫 刋刊 剏創 剙創 剳箚 劵券 勑勅 勗勖 勣績 勠戮 匇匆 匲奩 卆卒 卤鹵 厡原 厰廠 叄参 叅参 叓事 叚仮
吿告 吞呑 啟啓 唘啓 喆哲 悊哲 噐器 坮台 坿附 埀垂 埓埒 埗歩 塲場 塟葬 墻牆 壷壺 夀寿 夐敻 夾夹 姊姉 姙妊 娛娯 孁霊 孶孳 寔実 宫宮 寃冤 寳宝 寕寧
甯寧 寍寧 尅剋 尠鮮 屢屡 崗岡 罡岡 嵒巌 嵳嵯 嶃嶄 巓巅 囊嚢
"""
# The legal forms, and how they are written beside a name in ordinary width: those of the bank at its beginning (^) or end ($) only.
LEGAL_FORMS = {
    "株式会社": "株式会社 株式會社 (株) カブシキガイシャ カブシキカイシャ カブシキガイシヤ カブシキカイシヤ (カ) ^カ) (カ$",
    "有限会社": "有限会社 有限會社 (有) ユウゲンガイシャ ユウゲンカイシャ ユウゲンガイシヤ ユウゲンカイシヤ (ユ) ^ユ) (ユ$",
    "合同会社": "合同会社 合同會社 (同) ゴウドウガイシャ ゴウドウカイシャ ゴウドウガイシヤ ゴウドウカイシヤ (ド) ^ド) (ド$",
    "合資会社": "合資会社 合資會社 (資)",
    "合名会社": "合名会社 合名會社 (名)",
    "医療法人": "医療法人社団 医療法人財団 医療法人 (医)",
    "学校法人": "学校法人 (学)",
    "社会福祉法人": "社会福祉法人 社會福祉法人 (福)",
    "財団法人": "一般財団法人 公益財団法人 財団法人 (一財) (公財) (財)",
    "社団法人": "一般社団法人 公益社団法人 社団法人 (一社) (公社) (社)",
}
# What every legal form has a part of, in any width, and few names: looking for all of them takes twenty times as long.
_HINT = "[社()()㈱㈲㈳㈴㈵㈶㍿]|法人|イシ|ｲｼ"
# Small kana were large ones in the katakana of banks and of old registers.
_SMALL = dict(zip("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ", strict=True))
_KANA = {chr(code): chr(code + 0x60) for code in range(ord("ぁ"), ord("ゖ") + 1)} | {"ゝ": "ヽ", "ゞ": "ヾ"}
# What stands between the parts of a name or a number, and what chooses a glyph.
_BETWEEN = " \t\r\n-‐‑‒–—―−_.,/\\()[]「」・･'’:;" + "".join(
    map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE0110)])
)
_NOTHING = dict.fromkeys(map(ord, _BETWEEN))


def is_legal_form(word: str) -> bool:
    """Whether a word, in ordinary width, is nothing but the legal form of a company."""
    return any(word == way.strip("^$") for written in LEGAL_FORMS.values() for way in written.split())


def is_one_sign(word: str) -> bool:
    """Whether a word is one character when it is folded; what chooses its glyph (辻󠄀) is none."""
    return len(word.translate(_NOTHING)) == 1


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def functions() -> str:
    """The SQL of the functions. They are IMMUTABLE and say what they cost, so that no plan calls them for every row of a large table."""
    kana = {small: _SMALL.get(large, large) for small, large in _KANA.items()} | _SMALL
    kanji = {pair[0]: pair[1] for pair in _VARIANTS.split()}
    fold_kana = f"translate(%s, {_quoted(''.join(kana))}, {_quoted(''.join(kana.values()))})"
    fold_kanji = f"translate(%s, {_quoted(''.join(kanji))}, {_quoted(''.join(kanji.values()))})"

    ways = [(way, form) for form, written in LEGAL_FORMS.items() for way in written.split()]
    all_ways, their_forms = (f"ARRAY[{', '.join(map(_quoted, column))}]" for column in zip(*ways, strict=True))
    # Statements that find the first legal form in a text, and its place among all of them.
    find = f"""
        plain := '^' || normalize($1, NFKC) || '$';
        FOREACH way IN ARRAY {all_ways} LOOP
            place := place + 1;
            EXIT WHEN strpos(plain, way) > 0;
            way := NULL;
        END LOOP;"""

    def fold(name: str) -> str:
        """Statements that fold a variable which is in normal form."""
        return f"""
    IF octet_length({name}) > length({name}) THEN
        IF {name} ~ {_quoted(f"[{''.join(kana)}]")} THEN {name} := {fold_kana % name}; END IF;
        IF {name} ~ {_quoted(f"[{''.join(kanji)}]")} THEN {name} := {fold_kanji % name}; END IF;
    END IF;
    {name} := lower(translate({name}, {_quoted(_BETWEEN)}, '') COLLATE "C");"""

    # Made of our own tables. What an index calls calls nothing of ours: what restores or analyses a table looks into no schema but PostgreSQL's own.
    return f"""
CREATE OR REPLACE FUNCTION mamori_folded(text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE folded text := $1;
BEGIN
    -- What has nothing to fold, which is most, does not pay for the long tables.
    IF octet_length(folded) > length(folded) THEN folded := normalize(folded, NFKC); END IF;{fold("folded")}
    RETURN folded;
END $$;
-- The legal form in a name; null if it has none.
CREATE OR REPLACE FUNCTION mamori_legal_form(text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
DECLARE plain text; way text; place int := 0;
BEGIN
    IF $1 ~ {_quoted(_HINT)} THEN{find}
        IF way IS NOT NULL THEN RETURN ({their_forms})[place]; END IF;
    END IF;
    RETURN NULL;
END $$;
-- A name without it; null if it has none.
CREATE OR REPLACE FUNCTION mamori_bare(text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
DECLARE plain text; way text; place int := 0;
BEGIN
    IF $1 ~ {_quoted(_HINT)} THEN{find}
        IF way IS NOT NULL THEN RETURN translate(replace(plain, way, ''), '^$', ''); END IF;
    END IF;
    RETURN NULL;
END $$;
-- What an index knows of few texts beside their pairs: their legal form and the pairs without it, and four numbers or letters in a row.
CREATE OR REPLACE FUNCTION mamori_beside_pairs(text, folded text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE plain text; way text; place int := 0; bare text; parts text[] := '{{}}';
BEGIN
    IF $1 ~ {_quoted(_HINT)} THEN{find}
        IF way IS NOT NULL THEN
            bare := translate(replace(plain, way, ''), '^$', '');{fold("bare")}
            bare := '.' || bare;
            parts := ARRAY[({their_forms})[place]];
            FOR i IN 1 .. length(bare) - 1 LOOP parts := parts || substr(bare, i, 2); END LOOP;
        END IF;
    END IF;
    IF folded ~ '[ -~]{{4}}' THEN
        FOR i IN 1 .. length(folded) - 3 LOOP
            IF octet_length(substr(folded, i, 4)) = 4 THEN parts := parts || substr(folded, i, 4); END IF;
        END LOOP;
    END IF;
    RETURN parts;
END $$;
-- Bodies that are parsed when they are made, for the same reason.
CREATE OR REPLACE FUNCTION mamori_pairs(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 400
    RETURN (SELECT ARRAY(SELECT substr('.' || folded, i, 2) FROM generate_series(1, length(folded)) i) || mamori_beside_pairs($1, folded)
        FROM (SELECT mamori_folded($1) AS folded OFFSET 0) one);
CREATE OR REPLACE FUNCTION mamori_pairs(text, text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 400
    RETURN mamori_pairs($1 || $2);
-- What is looked for, without legal forms; nothing if there is nothing else.
CREATE OR REPLACE FUNCTION mamori_sought(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 400
    RETURN mamori_folded(coalesce(mamori_bare($1), $1));
CREATE OR REPLACE FUNCTION mamori_sought_pairs(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 400
    RETURN (WITH one AS MATERIALIZED (SELECT mamori_sought($1) AS folded)
        SELECT CASE WHEN folded = '' THEN ARRAY[mamori_legal_form($1)] WHEN length(folded) = 1 THEN ARRAY['.' || folded] ELSE ARRAY(
            SELECT substr(folded, i, 4) FROM generate_series(1, length(folded) - 3) i WHERE octet_length(substr(folded, i, 4)) = 4
            UNION ALL
            -- Pairs that are no part of four in a row.
            SELECT substr(folded, i, 2) FROM generate_series(1, length(folded) - 1) i WHERE NOT EXISTS (
                SELECT FROM generate_series(greatest(i - 2, 1), least(i, length(folded) - 3)) j WHERE octet_length(substr(folded, j, 4)) = 4)
        ) END FROM one);
CREATE OR REPLACE FUNCTION mamori_digits(text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$ BEGIN
    RETURN regexp_replace(regexp_replace(normalize($1, NFKC), '^\\s*(\\+|00)81[^0-9]*0?', '0'), '[^0-9]+', '', 'g');
END $$;
"""  # noqa: S608


DROP_FUNCTIONS = """
DROP FUNCTION mamori_digits(text); DROP FUNCTION mamori_sought_pairs(text); DROP FUNCTION mamori_sought(text);
DROP FUNCTION mamori_pairs(text, text); DROP FUNCTION mamori_pairs(text); DROP FUNCTION mamori_beside_pairs(text, text);
DROP FUNCTION mamori_legal_form(text); DROP FUNCTION mamori_bare(text); DROP FUNCTION mamori_folded(text);
"""


class Pairs(Func):
    """The pairs of neighbouring characters of one text, or of two that people read as one (family and given name). For a ``GinIndex``."""

    function = "mamori_pairs"
    output_field = ArrayField(TextField())


class Folded(Func):
    """A code as it is compared: without width, case, hyphens and spaces."""

    function = "mamori_folded"
    output_field = TextField()


class Digits(Func):
    """The digits of a telephone number, a Japanese one with its leading zero."""

    function = "mamori_digits"
    output_field = TextField()


class OfText(Func):
    """A question about one text, or about two that people read as one. The last argument is what is sought."""

    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, **_options: Any) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]
        *columns, (sought, asked) = [compiler.compile(part) for part in self.source_expressions]
        held = [value for _column, values in columns for value in values]
        names = [column for column, _values in columns]
        return self._asked(names, held, f"{sought}::text", list(asked))

    @staticmethod
    def _asked(columns: list[str], held: list[Any], sought: str, asked: list[Any]) -> tuple[str, tuple[Any, ...]]:
        raise NotImplementedError


class HasPairs(OfText):
    """Whether the text has all pairs of neighbours of what is sought: what an index knows."""

    @staticmethod
    def _asked(columns: list[str], held: list[Any], sought: str, asked: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return f"mamori_pairs({', '.join(columns)}) @> mamori_sought_pairs({sought})", (*held, *asked)


class HasPair(OfText):
    """Whether the text has one of the pairs of what is sought: the one at a place, or the first if there are fewer."""

    @staticmethod
    def _asked(columns: list[str], held: list[Any], sought: str, asked: list[Any]) -> tuple[str, tuple[Any, ...]]:
        *texts, place = columns
        *of_texts, at = held
        pairs = f"mamori_sought_pairs({sought})"
        one = f"coalesce(({pairs})[{place}::int], ({pairs})[1])"
        return f"mamori_pairs({', '.join(texts)}) @> ARRAY[{one}]", (*of_texts, *asked, at, *asked)


class HasForm(OfText):
    """Whether the legal form of a company in the text is the one that is sought. An index knows it as a pair; of few rows it is told sooner so."""

    @staticmethod
    def _asked(columns: list[str], held: list[Any], sought: str, asked: list[Any]) -> tuple[str, tuple[Any, ...]]:
        return f"mamori_legal_form({' || '.join(columns)}) = mamori_legal_form({sought})", (*held, *asked)


class HasInOrder(OfText):
    """Whether a text that has the pairs of what is sought has them in its order. Of less than three characters it has."""

    @staticmethod
    def _asked(columns: list[str], held: list[Any], sought: str, asked: list[Any]) -> tuple[str, tuple[Any, ...]]:
        text, sought = " || ".join(columns), f"mamori_sought({sought})"
        # Where it stands as it is sought, which is most often, nothing is folded.
        plain = f"strpos({text}, {sought}) > 0"
        whole, bare = (f"strpos(mamori_folded({part}), {sought}) > 0" for part in (text, f"mamori_bare({text})"))
        return f"(length({sought}) < 3 OR {plain} OR {whole} OR {bare})", (*asked, *(*held, *asked) * 3)


class Contains(OfText):
    """Whether the text contains what is sought. Pairs find the rows by an index; from three characters on their order is looked at."""

    @staticmethod
    def _asked(columns: list[str], held: list[Any], sought: str, asked: list[Any]) -> tuple[str, tuple[Any, ...]]:
        pairs, of_pairs = HasPairs._asked(columns, held, sought, asked)
        order, of_order = HasInOrder._asked(columns, held, sought, asked)
        return f"({pairs} AND {order})", (*of_pairs, *of_order)


@CharField.register_lookup
@TextField.register_lookup
class Finds(Lookup[str]):
    """The text contains what is sought."""

    lookup_name = "finds"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, held = self.process_lhs(compiler, connection)
        return Contains._asked([column], list(held), "%s::text", [self.rhs])


class _Compared(Lookup[str]):
    function = ""
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, held = self.process_lhs(compiler, connection)
        return f"{self.function}({column}) = {self.function}(%s::text)", (*held, self.rhs)


@CharField.register_lookup
@TextField.register_lookup
class SameFolded(_Compared):
    lookup_name = "folded"
    function = "mamori_folded"


@CharField.register_lookup
@TextField.register_lookup
class SameDigits(_Compared):
    lookup_name = "digits"
    function = "mamori_digits"
