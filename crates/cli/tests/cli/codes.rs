//! QR codes in files: what is written, what is read back, and what is refused.

use crate::people::{fund, outside, person, text, watcher};
use quorate_testkit::Home;
use serde_json::Value;
use std::fs;

fn proposal(home: &Home) -> String {
    fund(home, "1btc");
    let to = format!("{}=0.4btc", outside());
    let view = home.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    text(&view["id"]).to_owned()
}

fn files(view: &Value) -> Vec<String> {
    let files = view["files"].as_array().unwrap().iter();
    files.map(|file| text(file).to_owned()).collect()
}

#[test]
fn codes_are_written_into_every_kind_of_file_and_read_back() {
    let home = watcher();
    let id = proposal(&home);
    for qr in ["--qr=ur", "--qr=bbqr"] {
        for name in ["codes.txt", "codes.gif", "codes.png"] {
            let view = home.json(&[
                "proposal",
                "export",
                &id,
                qr,
                "--qr-size=small",
                "-o",
                name,
                "--force",
            ]);
            let files = files(&view);
            assert_eq!(files.len() > 1, name.ends_with("png"), "{files:?}");
            let args: Vec<&str> = files.iter().map(String::as_str).collect();
            let output = home.run(&[&["proposal", "import"][..], &args].concat());
            // Whole, and without a signature.
            assert!(
                output.stderr.contains("no signature in it"),
                "{qr} {name}: {output:?}"
            );
        }
        let view = home.json(&[
            "proposal",
            "export",
            &id,
            qr,
            "--qr-size=small",
            "-o",
            "codes.svg",
            "--force",
        ]);
        let count = view["frames"].as_array().unwrap().len();
        let svg = fs::read_to_string(home.file("codes.svg")).unwrap();
        assert_eq!(svg.matches("<path ").count(), count);
        assert_eq!(svg.matches("<animate ").count(), count);
    }
    // Into a program: one frame on each line.
    let shown = home.run(&["proposal", "export", &id, "--qr"]);
    assert!(
        shown
            .stdout
            .lines()
            .all(|line| line.starts_with("UR:CRYPTO-PSBT/")),
        "{shown:?}"
    );
    let one = home.json(&[
        "vault",
        "export",
        "family",
        "--qr",
        "--format",
        "descriptor",
        "-o",
        "one.svg",
    ]);
    let svg = fs::read_to_string(home.file("one.svg")).unwrap();
    assert_eq!(
        svg.contains("<animate"),
        one["frames"].as_array().unwrap().len() > 1
    );
}

#[test]
fn what_is_no_code_is_refused_with_a_reason() {
    let home = watcher();
    let id = proposal(&home);
    let export = |file: &str| {
        home.json(&[
            "proposal",
            "export",
            &id,
            "--qr=bbqr",
            "--qr-size=small",
            "-o",
            file,
            "--force",
        ])
    };
    let pngs = files(&export("a.png"));
    export("a.gif");
    let png = fs::read(home.file(&pngs[0])).unwrap();
    let gif = fs::read(home.file("a.gif")).unwrap();
    let mut white = png.clone();
    white.truncate(33);
    fs::write(home.file("cut.png"), &png[..png.len() / 2]).unwrap();
    fs::write(home.file("head.png"), white).unwrap();
    fs::write(home.file("cut.gif"), &gif[..20]).unwrap();
    fs::write(home.file("bomb.png"), huge_png()).unwrap();
    fs::write(home.file("mixed.txt"), "B$2P0200AA\nUR:CRYPTO-PSBT/AA").unwrap();
    for (args, expected) in [
        (vec!["cut.png"], "can't be read"),
        (vec!["head.png"], "can't be read"),
        (vec!["cut.gif"], "the picture"),
        (vec!["bomb.png"], "can't be read"),
        (vec!["mixed.txt"], "different files"),
        (vec![pngs[0].as_str()], "frames are missing"),
    ] {
        let (code, error) = home.fail(&[&["proposal", "import"][..], &args].concat());
        assert_eq!(code, 2, "{error}");
        let told = text(&error["message"]);
        assert!(
            told.contains(expected) && told.contains(&args[0][args[0].len() - 7..]),
            "{args:?}: {told}"
        );
    }
    let (code, error) = home.fail(&["proposal", "export", &id, "--qr", "-o", "codes.bmp"]);
    assert_eq!((code, text(&error["code"])), (2, "unknown_picture"));
    let (code, error) = home.fail(&["proposal", "export", &id, "--qr", "--device", "coldcart"]);
    assert_eq!(
        (code, text(&error["hint"])),
        (2, "did you mean `coldcard`?")
    );
    // A picture that is there stays, and none of its others is written.
    let before = fs::read(home.file(&pngs[1])).unwrap();
    fs::remove_file(home.file(&pngs[0])).unwrap();
    let (code, error) = home.fail(&[
        "proposal",
        "export",
        &id,
        "--qr=bbqr",
        "--qr-size=small",
        "-o",
        "a.png",
    ]);
    assert_eq!((code, text(&error["code"])), (1, "file_exists"));
    assert!(!fs::exists(home.file(&pngs[0])).unwrap());
    assert_eq!(fs::read(home.file(&pngs[1])).unwrap(), before);
}

/// A head that promises 60,000 times 60,000 pixels.
fn huge_png() -> Vec<u8> {
    let mut png = vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13];
    let mut head = b"IHDR".to_vec();
    head.extend(60_000u32.to_be_bytes());
    head.extend(60_000u32.to_be_bytes());
    head.extend([8, 0, 0, 0, 0]);
    let sum = head.iter().fold(0xffff_ffffu32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    });
    png.extend(head);
    png.extend((!sum).to_be_bytes());
    png
}

#[test]
fn keys_in_codes_are_taken() {
    let home = person();
    let vector = include_str!("../../../../tests/vectors/bcr-2020-015.json");
    let vector: Value = serde_json::from_str(vector).unwrap();
    fs::write(home.file("account.txt"), text(&vector["account"])).unwrap();
    // Of another network: said, not taken.
    let (code, error) = home.fail(&["vault", "key", "import", "account.txt"]);
    assert_eq!(code, 2);
    assert!(text(&error["message"]).contains("main network"), "{error}");
}
