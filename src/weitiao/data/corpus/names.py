"""Made-up names and values from vocabularies so large that nothing can be learnt by heart.

Names are drawn character by character or word by word; that one equals a real name is chance.
"""

# ruff: noqa: E501 - a template or a list of words is read best on one line

from __future__ import annotations

import random
from random import Random

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰春梅红建国志文德海波云峰雪松宇航晨曦子涵雨欣怡嘉豪俊凯思琪诗梦瑶浩然天佑博瑞泽宏远立新永健康宁安民慧颖婷倩岚琳彬斌鹏程飞翔旭东南北西晓光辉耀庭轩昊钰珊珂菲蕾薇莹"
BRAND = "恒昊锦瑞泰丰宏盛源汇通达兴隆安康盈泽润晟鼎和元亨利贞嘉华信诚德正方圆立新创远博雅科迪凯普特维奥莱诺斯美亚欧尚唯尔雷赛思拓翔宇飞腾龙凤麒麟鹏云海川江河湖洋山峰岭岳林森木禾田野春夏秋冬晨曦星辰光明日月天地乾坤中东南北西"
CITIES = [
    "北京",
    "上海",
    "广州",
    "深圳",
    "杭州",
    "南京",
    "成都",
    "重庆",
    "武汉",
    "西安",
    "苏州",
    "天津",
    "长沙",
    "郑州",
    "青岛",
    "大连",
    "宁波",
    "厦门",
    "福州",
    "济南",
    "合肥",
    "昆明",
    "沈阳",
    "哈尔滨",
    "长春",
    "南昌",
    "贵阳",
    "南宁",
    "太原",
    "石家庄",
    "兰州",
    "海口",
    "乌鲁木齐",
    "呼和浩特",
    "银川",
    "西宁",
    "拉萨",
    "无锡",
    "常州",
    "南通",
    "扬州",
    "徐州",
    "镇江",
    "嘉兴",
    "绍兴",
    "台州",
    "温州",
    "金华",
    "泉州",
    "漳州",
    "东莞",
    "佛山",
    "珠海",
    "中山",
    "惠州",
    "汕头",
    "烟台",
    "潍坊",
    "威海",
    "淄博",
    "洛阳",
    "宜昌",
    "襄阳",
    "株洲",
    "湘潭",
    "岳阳",
    "绵阳",
    "德阳",
    "遵义",
    "桂林",
    "柳州",
    "三亚",
    "大理",
    "保定",
    "唐山",
    "邯郸",
    "包头",
    "鞍山",
    "吉林",
    "芜湖",
    "马鞍山",
    "九江",
    "赣州",
    "湖州",
    "衢州",
    "丽水",
    "莆田",
    "龙岩",
]
INDUSTRIES = [
    "科技",
    "股份",
    "电子",
    "医药",
    "生物",
    "化工",
    "材料",
    "能源",
    "电力",
    "电气",
    "机械",
    "重工",
    "汽车",
    "食品",
    "乳业",
    "酒业",
    "农业",
    "种业",
    "环保",
    "水务",
    "燃气",
    "建筑",
    "建材",
    "地产",
    "置业",
    "物流",
    "航运",
    "港口",
    "航空",
    "铁路",
    "通信",
    "网络",
    "软件",
    "信息",
    "数据",
    "智能",
    "传媒",
    "文化",
    "旅游",
    "教育",
    "纺织",
    "服饰",
    "家居",
    "家电",
    "钢铁",
    "有色",
    "矿业",
    "煤业",
    "石油",
    "橡胶",
    "塑胶",
    "包装",
    "纸业",
    "玻璃",
    "陶瓷",
    "光学",
    "光电",
    "半导体",
    "微电子",
    "精密",
    "仪器",
    "医疗",
    "健康",
    "制药",
    "药业",
    "新材",
    "轴承",
    "轮胎",
    "电缆",
    "照明",
    "珠宝",
    "百货",
    "商贸",
    "证券",
    "银行",
    "保险",
]
TAILS = (
    "股份有限公司",
    "有限公司",
    "集团股份有限公司",
    "科技股份有限公司",
    "有限责任公司",
    "(集团)股份有限公司",
    "控股股份有限公司",
    "实业股份有限公司",
)
STREETS = [
    "人民",
    "中山",
    "解放",
    "建设",
    "和平",
    "长江",
    "黄河",
    "文化",
    "科技",
    "创新",
    "滨河",
    "湖滨",
    "学院",
    "迎宾",
    "朝阳",
    "东风",
    "胜利",
    "光明",
    "幸福",
    "新华",
    "兴业",
    "工业",
    "环城",
    "青年",
    "花园",
    "梧桐",
    "银杏",
    "紫荆",
    "望江",
    "高新",
]
DIRECTIONS = ("", "", "", "东", "西", "南", "北", "中")
DISTRICTS = [
    "东城",
    "西湖",
    "南山",
    "北岭",
    "江岸",
    "高新",
    "开发",
    "滨海",
    "新城",
    "鼓楼",
    "玄武",
    "白云",
    "青羊",
    "金水",
    "雁塔",
    "朝阳",
    "和平",
    "临江",
    "石桥",
    "柳林",
]
THINGS = [
    "苹果",
    "香蕉",
    "橙子",
    "西瓜",
    "葡萄",
    "雨伞",
    "书包",
    "铅笔",
    "橡皮",
    "台灯",
    "水杯",
    "毛巾",
    "牙刷",
    "手机",
    "电脑",
    "键盘",
    "鼠标",
    "耳机",
    "相机",
    "手表",
    "眼镜",
    "帽子",
    "围巾",
    "手套",
    "大衣",
    "皮鞋",
    "沙发",
    "书桌",
    "椅子",
    "窗帘",
    "地毯",
    "花瓶",
    "钥匙",
    "钱包",
    "地图",
    "车票",
    "报纸",
    "杂志",
    "字典",
    "日历",
    "闹钟",
    "风扇",
    "空调",
    "冰箱",
    "微波炉",
    "洗衣机",
    "自行车",
    "摩托车",
    "滑板",
    "篮球",
    "足球",
    "羽毛球",
    "钢琴",
    "吉他",
    "口琴",
    "画笔",
    "剪刀",
    "胶水",
    "锤子",
    "螺丝",
    "绳子",
    "梯子",
    "面包",
    "牛奶",
    "鸡蛋",
    "米饭",
    "面条",
    "饺子",
    "豆腐",
    "白菜",
    "土豆",
    "黄瓜",
    "番茄",
    "胡萝卜",
    "茶叶",
    "咖啡",
    "果汁",
    "饼干",
    "巧克力",
    "蛋糕",
    "蜂蜜",
    "盐",
    "糖",
    "醋",
    "纸箱",
    "信封",
    "邮票",
    "口罩",
    "药片",
    "体温计",
    "望远镜",
    "指南针",
    "帐篷",
    "睡袋",
]
WORDS_EN = [
    "river",
    "table",
    "green",
    "window",
    "paper",
    "morning",
    "engine",
    "garden",
    "silver",
    "market",
    "letter",
    "bottle",
    "winter",
    "summer",
    "doctor",
    "teacher",
    "bridge",
    "castle",
    "forest",
    "island",
    "mountain",
    "pencil",
    "planet",
    "rocket",
    "secret",
    "shadow",
    "signal",
    "simple",
    "square",
    "station",
    "storm",
    "stone",
    "street",
    "sugar",
    "sunset",
    "ticket",
    "tower",
    "train",
    "travel",
    "valley",
    "village",
    "violin",
    "water",
    "yellow",
    "zebra",
    "apple",
    "banana",
    "butter",
    "candle",
    "carpet",
    "cheese",
    "circle",
    "cloud",
    "coffee",
    "corner",
    "cotton",
    "desert",
    "dinner",
    "dragon",
    "eagle",
    "feather",
    "finger",
    "flower",
    "friend",
    "ghost",
    "glass",
    "gold",
    "hammer",
    "honey",
    "horse",
    "jacket",
    "jungle",
    "kitchen",
    "ladder",
    "lemon",
    "lion",
    "magnet",
    "metal",
    "mirror",
    "monkey",
    "needle",
    "ocean",
    "onion",
    "orange",
    "oven",
    "parrot",
    "pepper",
    "piano",
    "pillow",
    "pocket",
    "potato",
    "rabbit",
    "ribbon",
    "salad",
    "sand",
    "shirt",
    "shoe",
    "spoon",
    "spring",
    "tiger",
    "tomato",
    "turtle",
    "wheel",
]
FIRST_EN = [
    "Anna",
    "Ben",
    "Carla",
    "David",
    "Emma",
    "Frank",
    "Grace",
    "Henry",
    "Irene",
    "Jack",
    "Karen",
    "Leo",
    "Mary",
    "Nick",
    "Olivia",
    "Paul",
    "Rita",
    "Sam",
    "Tina",
    "Victor",
    "Wendy",
    "Alan",
    "Betty",
    "Colin",
    "Diana",
    "Eric",
    "Fiona",
    "George",
    "Helen",
    "Ivan",
    "Julia",
    "Kevin",
    "Laura",
    "Mark",
    "Nora",
    "Oscar",
    "Peter",
    "Rose",
    "Simon",
    "Tracy",
]
LAST_EN = [
    "Alder",
    "Barlow",
    "Carver",
    "Dalton",
    "Ellery",
    "Fenwick",
    "Garner",
    "Holt",
    "Irving",
    "Jarvis",
    "Keller",
    "Lowell",
    "Marsh",
    "Norwood",
    "Ogden",
    "Parrish",
    "Quill",
    "Ramsey",
    "Sutton",
    "Thorne",
    "Upton",
    "Vance",
    "Weller",
    "Yates",
    "Brook",
    "Clay",
    "Drake",
    "Finch",
    "Hale",
    "Kent",
    "Lane",
    "Moss",
    "Nash",
    "Page",
    "Reed",
    "Stone",
    "West",
    "Wood",
]
CITIES_EN = [
    "London",
    "Paris",
    "Berlin",
    "Madrid",
    "Rome",
    "Vienna",
    "Oslo",
    "Lisbon",
    "Dublin",
    "Prague",
    "Athens",
    "Boston",
    "Chicago",
    "Seattle",
    "Denver",
    "Austin",
    "Toronto",
    "Sydney",
    "Melbourne",
    "Tokyo",
    "Osaka",
    "Seoul",
    "Singapore",
    "Mumbai",
    "Cairo",
    "Nairobi",
    "Lima",
    "Quito",
    "Zurich",
    "Geneva",
]
# A stock of frequent characters for random strings: learning to copy needs strings without sense.
CHARACTERS = "的一是不了人在有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市眼体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它许八特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元社术结六功指思非流每青管夫连远资队跟带花快条院变联言权往展该领传近留红治决周保达办运武半候七必城父强步完革深区即求品士转量空甚众技轻程告江语英基派满式李息写呢识极令黄德收脸钱党倒未持取设始版双历越史商千片容研像找友孩站广改议形委早房音火际则首单据导影失拿网香似斯专石若兵弟谁校读志飞观争究包组造落视济喜离虽坏兴切存团包标"


def pick(rng: Random, items: str | list[str] | tuple[str, ...]) -> str:
    """One of the items (faster than ``choice`` for our small needs)."""
    return items[int(rng.random() * len(items))]


def chars(rng: Random, pool: str, count: int) -> str:
    """A string of ``count`` characters drawn from the pool."""
    return "".join(rng.choices(pool, k=count))


def person(rng: Random) -> str:
    """A Chinese name of two or three characters."""
    return pick(rng, SURNAMES) + chars(rng, GIVEN, 1 if rng.random() < 0.3 else 2)


def person_en(rng: Random) -> str:
    """An English first and family name."""
    return f"{pick(rng, FIRST_EN)} {pick(rng, LAST_EN)}"


def city(rng: Random) -> str:
    """A Chinese city, without the suffix 市."""
    return pick(rng, CITIES)


def brand(rng: Random) -> str:
    """Two or three characters that look like a trade name."""
    return chars(rng, BRAND, 2 if rng.random() < 0.75 else 3)


def company_short(rng: Random) -> str:
    """A stock-exchange style short name of three or four characters."""
    form = rng.random()
    if form < 0.6:
        return chars(rng, BRAND, 2) + pick(rng, INDUSTRIES)[:2]
    if form < 0.8:
        return chars(rng, BRAND, 3)
    return chars(rng, BRAND, 1) + pick(rng, "化电医药光材水能食机建材信纺钢铝铜") + pick(rng, BRAND)


def company_full(rng: Random) -> str:
    """A long registered name."""
    form = rng.random()
    place = (city(rng) + ("市" if rng.random() < 0.2 else "")) if form < 0.45 else ""
    return place + brand(rng) + pick(rng, INDUSTRIES) + pick(rng, TAILS)


def company(rng: Random) -> str:
    """A short or a long company name."""
    return company_short(rng) if rng.random() < 0.5 else company_full(rng)


def company_en(rng: Random) -> str:
    """An English company name."""
    tail = pick(
        rng, ("Ltd", "Inc.", "Group", "Holdings", "Systems", "Foods", "Energy", "Labs", "Motors", "Bank")
    )
    return (
        f"{pick(rng, LAST_EN)} {tail}"
        if rng.random() < 0.5
        else f"{pick(rng, WORDS_EN).title()}{pick(rng, WORDS_EN)} {tail}"
    )


def year(rng: Random) -> str:
    """A year as reports name it: 2019年, 2019, 2019年度."""
    number = 2000 + int(rng.random() * 25) if rng.random() < 0.4 else 2016 + int(rng.random() * 8)
    return f"{number}{pick(rng, ('年', '年', '年', '年', '年度', ''))}"


def date(rng: Random) -> str:
    """A day in one of the common spellings."""
    y, m, d = rng.randint(1990, 2025), rng.randint(1, 12), rng.randint(1, 28)
    form = int(rng.random() * 5)
    if form == 0:
        return f"{y}-{m:02d}-{d:02d}"
    if form == 1:
        return f"{y}/{m}/{d}"
    if form == 2:
        return f"{m}月{d}日"
    return f"{y}年{m}月{d}日"


def clock(rng: Random) -> str:
    """A time of day."""
    hour, minute = rng.randint(0, 23), rng.randint(0, 59)
    return f"{hour:02d}:{minute:02d}" if rng.random() < 0.6 else f"{hour}时{minute:02d}分"


def number(rng: Random) -> str:
    """A number of some size, with decimals or thousands marks now and then."""
    value = rng.random() * 10 ** rng.randint(1, 8)
    form = rng.random()
    if form < 0.4:
        return f"{value:.2f}"
    return f"{int(value):,}" if form < 0.6 else str(int(value))


def amount(rng: Random) -> str:
    """A sum of money with its unit."""
    if rng.random() < 0.4:
        return f"{number(rng)}元"
    return f"{rng.random() * 10 ** rng.randint(1, 4):.{rng.randint(0, 2)}f}{pick(rng, ('万元', '亿元', '元', '万元'))}"


def percent(rng: Random) -> str:
    """A percentage with two decimals."""
    return f"{rng.random() * 100:.2f}%"


def phone(rng: Random) -> str:
    """A landline-like or mobile-like number."""
    if rng.random() < 0.5:
        return f"0{rng.randint(10, 999)}-{rng.randint(10**6, 10**8 - 1)}"
    return f"1{rng.randint(10**9, 10**10 - 1)}"


def code(rng: Random) -> str:
    """An order number, ticket number or the like."""
    letters = chars(rng, "ABCDEFGHJKLMNPQRSTUVWXYZ", rng.randint(1, 3))
    return f"{letters}{pick(rng, ('', '-', ''))}{rng.randint(10**2, 10**8 - 1)}"


def street(rng: Random) -> str:
    """A street with its house number."""
    return f"{pick(rng, STREETS)}{pick(rng, DIRECTIONS)}{pick(rng, '路路街')}{rng.randint(1, 1999)}号"


def address(rng: Random) -> str:
    """City, district, street and number."""
    return f"{city(rng)}市{pick(rng, DISTRICTS)}区{street(rng)}"


def latin(rng: Random) -> str:
    """A pronounceable lower-case word for host names."""
    return "".join(pick(rng, "bcdfghjklmnprstwxyz") + pick(rng, "aeiou") for _ in range(rng.randint(2, 4)))


def email(rng: Random) -> str:
    """An e-mail address at a made-up host."""
    return f"{pick(rng, ('ir', 'zqb', 'dsh', 'info', 'office', latin(rng)))}@{latin(rng)}{pick(rng, ('.com', '.cn', '.com.cn', '.net'))}"


def website(rng: Random) -> str:
    """A made-up web address."""
    return f"{pick(rng, ('www.', 'http://www.', 'https://'))}{latin(rng)}{pick(rng, ('.com', '.cn', '.com.cn', '.net'))}"


def hotel(rng: Random) -> str:
    """A hotel name."""
    place = city(rng) if rng.random() < 0.25 else ""
    kind = pick(
        rng,
        (
            "酒店",
            "大酒店",
            "宾馆",
            "饭店",
            "国际酒店",
            "假日酒店",
            "商务酒店",
            "快捷酒店",
            "民宿",
            "青年旅舍",
            "度假村",
            "公寓酒店",
        ),
    )
    return f"{place}{brand(rng)}{kind}"


def words_zh(rng: Random, count: int) -> list[str]:
    """Different everyday nouns."""
    return rng.sample(THINGS, count)


def nonsense(rng: Random) -> str:
    """A string without sense: characters, digits, letters, or a mixture."""
    form = int(rng.random() * 6)
    if form == 0:
        return chars(rng, CHARACTERS, rng.randint(3, 24))
    if form == 1:
        return "".join(words_zh(rng, rng.randint(2, 9)))
    if form == 2:
        return chars(rng, "0123456789", rng.randint(4, 12))
    if form == 3:
        return chars(
            rng, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", rng.randint(4, 12)
        )
    if form == 4:
        return " ".join(rng.sample(WORDS_EN, rng.randint(2, 12)))
    return (
        chars(rng, CHARACTERS, rng.randint(2, 5))
        + chars(rng, "0123456789", rng.randint(1, 4))
        + chars(rng, CHARACTERS, rng.randint(1, 4))
    )


def shuffled(rng: random.Random, items: list[str]) -> list[str]:
    """A shuffled copy."""
    return rng.sample(items, len(items))
