"""What the synthetic catalogue is made of. Words stand in the order in which they are common."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Department:
    """A root category: its ranges with the nouns of each, and what is true of all its goods.

    `sizes` is which of SIZES its products come in, empty for none; `lowest` and `highest` are dollars.
    """

    name: str
    ranges: dict[str, str]
    materials: str
    pictures: str
    lowest: int
    highest: int
    sizes: str = ""


DEPARTMENTS = (
    Department(
        "Clothing",
        {
            "Jackets": "jacket parka coat gilet anorak blazer",
            "Shirts": "shirt tee polo blouse tunic",
            "Knitwear": "sweater cardigan hoodie jumper pullover",
            "Trousers": "trousers jeans shorts chinos joggers",
            "Dresses": "dress skirt pinafore jumpsuit",
            "Accessories": "scarf beanie glove belt tie mitten",
        },
        "cotton wool linen denim merino fleece cashmere corduroy viscose hemp silk velvet",
        "field-chore-jacket-moss oxford-shirt-sky lambswool-crew-sweater-pine pleated-work-trousers-navy "
        "linen-sun-dress-sage striped-wool-scarf-pine",
        15,
        220,
        "letters",
    ),
    Department(
        "Home",
        {
            "Lighting": "lamp lantern pendant sconce chandelier",
            "Bedding": "blanket duvet pillow sheet quilt",
            "Storage": "basket shelf box hook crate",
            "Decor": "vase mirror candle frame clock print",
            "Rugs": "rug runner doormat carpet",
        },
        "cotton oak linen wool jute brass ceramic walnut glass rattan pine marble",
        "linen-table-lamp-linen heather-wool-throw-pine woven-basket-oak oval-mirror-oak flat-weave-rug-rust",
        8,
        340,
    ),
    Department(
        "Kitchen",
        {
            "Cookware": "pan pot casserole skillet wok",
            "Tableware": "plate bowl mug cup saucer jug",
            "Cutlery": "knife spoon fork ladle whisk",
            "Appliances": "kettle toaster blender grinder mixer",
            "Bakeware": "tray mould tin rack",
        },
        "steel ceramic oak glass copper enamel stoneware silicone porcelain bamboo granite",
        "enamel-casserole-pine speckled-stoneware-mug-sage stove-top-kettle-sage dinner-plate-slate deep-bowl-teal",
        6,
        190,
    ),
    Department(
        "Shoes",
        {
            "Trainers": "trainer sneaker runner plimsoll",
            "Boots": "boot wellington moccasin hiker",
            "Sandals": "sandal slide espadrille clog",
            "Formal": "loafer brogue oxford derby",
            "Slippers": "slipper mule bootie",
        },
        "leather canvas suede rubber nubuck mesh felt cork nylon",
        "court-low-sneaker-teal chelsea-boot-amber penny-loafer-tan felt-house-slippers-moss",
        20,
        240,
        "shoes",
    ),
    Department(
        "Electronics",
        {
            "Audio": "headphones speaker radio earphones turntable",
            "Cameras": "camera lens tripod flash",
            "Phones": "phone charger cable stand",
            "Computing": "keyboard mouse monitor laptop tablet",
            "Wearables": "watch tracker band",
        },
        "aluminium plastic steel glass titanium silicone carbon walnut",
        "over-ear-headphones-ink shelf-speaker-charcoal kitchen-radio-teal field-watch-tan",
        9,
        900,
    ),
    Department(
        "Outdoor",
        {
            "Camping": "tent mat stove hammock cool-bag",
            "Running": "vest bottle headlamp gaiter",
            "Cycling": "helmet pannier pump bell",
            "Climbing": "rope harness carabiner chalk-bag",
            "Swimming": "goggles towel float fins",
        },
        "nylon polyester aluminium steel neoprene rubber ripstop titanium foam",
        "two-person-tent-rust camping-mat-olive insulated-bottle-750-ml-teal garden-hammock-rust storm-lantern-rust",
        7,
        420,
        "measures",
    ),
    Department(
        "Bags",
        {
            "Backpacks": "backpack rucksack daypack",
            "Luggage": "suitcase duffel holdall",
            "Handbags": "tote satchel handbag clutch",
            "Small goods": "wallet purse card-case pouch",
        },
        "leather canvas nylon suede waxed-cotton cork polyester",
        "roll-22l-backpack-olive weekend-duffel-slate leather-satchel-tan bifold-wallet-tan canvas-market-tote-ecru",
        12,
        320,
        "measures",
    ),
    Department(
        "Furniture",
        {
            "Chairs": "chair stool armchair bench",
            "Tables": "table desk nightstand sideboard",
            "Cabinets": "cabinet bookcase wardrobe drawer",
            "Cushions": "cushion pouffe bolster",
        },
        "oak pine walnut steel linen velvet rattan ash leather beech",
        "reading-chair-sage milking-stool-oak cotton-cushion-sage round-velvet-cushion-mustard",
        25,
        1200,
    ),
    Department(
        "Garden",
        {
            "Tools": "spade rake trowel shears hoe",
            "Planters": "planter pot trough trellis",
            "Watering": "hose sprinkler watering-can",
            "Barbecue": "grill smoker brazier tongs",
        },
        "steel terracotta ash cedar zinc stone rubber teak",
        "potted-rubber-plant-terracotta terracotta-bud-vase-terracotta storm-lantern-ink",
        6,
        380,
    ),
    Department(
        "Stationery",
        {
            "Paper": "notebook planner sketchbook journal",
            "Writing": "pen pencil marker crayon",
            "Desk": "stapler folder organiser lamp-stand",
            "Art": "brush easel palette canvas-board",
        },
        "paper cloth leather brass oak recycled-card plastic",
        "cloth-notebook-pine desk-planner-sage gel-pens-set-of-three-teal canvas-pencil-case-navy writing-set-rose",
        3,
        80,
    ),
    Department(
        "Beauty",
        {
            "Skincare": "cream serum cleanser balm",
            "Haircare": "shampoo conditioner comb pomade",
            "Bath": "soap scrub bath-salt sponge",
            "Fragrance": "perfume cologne diffuser",
        },
        "lavender rose cedar citrus almond sandalwood mint oat",
        "lavender-soap-and-dish-heather amber-candle-amber bath-towels-set-of-three-sage",
        4,
        120,
        "measures",
    ),
    Department(
        "Jewellery",
        {
            "Necklaces": "necklace pendant-chain choker",
            "Earrings": "earring stud hoop",
            "Bracelets": "bracelet bangle cuff",
            "Glasses": "sunglasses spectacles monocle",
        },
        "silver gold brass pearl amber acetate enamel",
        "drop-earrings-teal round-sunglasses-amber field-watch-olive",
        10,
        600,
    ),
)

# A range is cut into styles, and every third style into kinds: categories three and four deep.
STYLES = ("Classic", "Everyday", "Travel", "Premium")
KINDS = ("Light", "Heavy", "Compact")

ADJECTIVES = (
    "lightweight classic waterproof modern soft slim compact premium relaxed durable organic recycled handmade vintage "
    "striped padded insulated breathable portable foldable checked ribbed quilted brushed washed stackable reversible "
    "adjustable oversized cropped thermal windproof everyday seamless polished matte rugged silent featherlight"
)
USES = (
    "everyday use;long journeys;cold mornings;busy families;small spaces;demanding work;weekend trips;gifts;rainy days;"
    "summer evenings;quiet rooms;first homes"
)
PROMISES = (
    "Two year guarantee.;Easy to clean and quick to dry.;Ships flat and needs no tools.;Tested in our own workshop.;"
    "Made from responsibly sourced parts.;Repaired for free in the first year.;Packed without plastic.;"
    "Finished by hand, so no two are quite alike.;A favourite since the first season.;Cut from a single piece."
)
ORIGINS = "Portugal;Kenya;India;Italy;Ethiopia;Vietnam;Germany;Japan;Nigeria;Turkey;Poland;Peru;Ghana;France"
GUARANTEES = "1 year;2 years;5 years;10 years"

COLOURS = {
    "Black": "#1f2023",
    "White": "#f6f4ef",
    "Navy": "#3e506b",
    "Grey": "#8b8d90",
    "Moss": "#66764f",
    "Rust": "#b0613f",
    "Oat": "#d3bf9f",
    "Red": "#b23a3a",
    "Sky": "#8fb4cf",
    "Teal": "#2f6f73",
    "Mustard": "#cf9f3a",
    "Olive": "#6d6a3a",
    "Brown": "#6b4a34",
    "Pink": "#d9a3a8",
    "Burgundy": "#6d2b3a",
    "Sage": "#a3b199",
    "Charcoal": "#3b3d40",
    "Cream": "#efe6d2",
    "Lavender": "#b3a6c9",
    "Coral": "#e07a5f",
    "Khaki": "#a09468",
    "Plum": "#5c3a58",
    "Silver": "#c0c3c7",
    "Gold": "#c6a14a",
}
SIZES = {
    "letters": ("XS", "S", "M", "L", "XL", "XXL"),
    "shoes": ("36", "37", "38", "39", "40", "41", "42", "43", "44", "45"),
    "measures": ("Small", "Medium", "Large"),
}

# Made-up words, of which brands and series are built: common ones are in thousands of names, rare ones in a few.
SYLLABLES = (
    "ba be bo da de do fa fe ga go ha ka ke ko la le lo lu ma me "
    "mi mo na ne no pa ra re ri ro sa se so ta te ti to va vo za"
)
ENDINGS = "n r l s x k nd lm rk st th sk ve"
