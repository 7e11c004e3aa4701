//! Folders of classes, good and bad.

use super::*;

/// A folder with empty files at these paths; a path that ends in a slash is an empty folder.
fn folder(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let path = folder.path().join(path);
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }
    folder
}

fn found(paths: &[&str]) -> Result<Tree, DataError> {
    let folder = folder(paths);
    find(folder.path(), &["png", "jpg"], "image")
}

fn names(part: &Part) -> Vec<&str> {
    part.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect()
}

#[test]
fn classes_and_files_are_numbered_by_name() {
    let tree =
        found(&["dog/2.png", "dog/10.JPG", "cat/b.png", "cat/notes.txt", "cat/.hidden.png", ".git/x.png"]).unwrap();
    assert_eq!(tree.classes, ["cat", "dog"]);
    assert_eq!(names(&tree.train), ["b.png", "10.JPG", "2.png"]);
    assert_eq!(tree.train.labels, [0, 1, 1]);
    assert!(tree.test.is_none());
    let column = tree.train.labels().unwrap();
    assert_eq!((column.rows(), column.value(2)), (3, Some(1.0)));
}

#[test]
fn parts_share_the_classes_of_the_training_part() {
    let tree = found(&["train/a/1.png", "train/b/1.png", "train/c/1.png", "test/c/1.png", "test/a/1.png"]).unwrap();
    assert_eq!(tree.classes, ["a", "b", "c"]);
    assert_eq!(tree.test.unwrap().labels, [0, 2]);
    let error = found(&["train/a/1.png", "test/b/1.png"]).unwrap_err();
    assert_eq!(error.what, "the class `b` is not among those of the training part");
    assert_eq!(error.help.as_deref(), Some("they are `a`"));
    let error = found(&["train/a/1.png", "test/1.png"]).unwrap_err();
    assert_eq!(error.what, "`train` holds folders of classes, `test` none");
}

#[test]
fn files_without_classes_have_no_labels() {
    let tree = found(&["b.png", "a.png"]).unwrap();
    assert_eq!(names(&tree.train), ["a.png", "b.png"]);
    assert!(tree.classes.is_empty() && tree.labels_schema().dtype.is_err());
    assert!(tree.train.labels().unwrap_err().what.starts_with("there are no labels"));
}

#[test]
fn what_is_not_meant_is_refused() {
    let what = |paths: &[&str]| found(paths).unwrap_err().what;
    assert_eq!(what(&["a/1.png", "b/"]), "the folder holds no image (.png, .jpg)");
    assert_eq!(what(&["a/1.png", "b/1.webp"]), "the folder holds no image (.png, .jpg); it holds `1.webp`");
    assert_eq!(what(&["a/b/1.png"]), "the folder holds no image (.png, .jpg); it holds the folder `b`");
    assert_eq!(what(&["a.txt"]), "the folder holds no image (.png, .jpg); it holds `a.txt`");
    assert_eq!(what(&["a/1.png", "2.png"]), "`2.png` lies beside the folders of classes, in none of them");
    assert_eq!(what(&["train/a/1.png", "valid/a/1.png"]), "`valid` lies beside `train`, but is not `test`");
    assert_eq!(what(&["test/a/1.png"]), "the folder holds `test`, but no `train`");
    let file = folder(&["x"]);
    assert_eq!(find(&file.path().join("x"), &[], "image").unwrap_err().what, "is a file where a folder is expected");
    assert_eq!(find(&file.path().join("y"), &[], "image").unwrap_err().what, "there is no such folder");
}
