# Every method and function that lme4 2.1 has for linear models, and all that the installed version
# exports, is provided or left out for a stated reason: lme4-methods.csv has one row for each.
#   name, of: a generic and the class of its method in lme4; "function" for an exported function,
#     "getME" for a name that getME() knows
#   provided_by: "method" (ours for the same generic), a function of ours, or nothing
#   arguments: those of lme4 2.1 that our method takes by the same name
#   reason: why it is left out, or has another name

# Our class for each of lme4's; lmList() is nlme's.
OUR_CLASS <- c(merMod = "rlmm", ranef.mer = "rlmm_ranef", coef.mer = "rlmm_coef",
  VarCorr.merMod = "rlmm_varcorr", influence.merMod = "rlmm_influence",
  summary.merMod = "summary.rlmm", prcomplist = "rlmm_repca", allFit = "rlmm_multistart",
  thpr = "rlmm_profile", bootMer = "rlmm_boot", lmList4 = "lmList", factor = "factor")

lme4_table <- function() {
  utils::read.csv(test_path("lme4-methods.csv"), colClasses = "character")
}

is_method <- function(table) !table$of %in% c("function", "getME")

# The method as a call of the generic would find it, NULL if there is none.
our_method <- function(generic, class) {
  home <- if (class == "lmList") "nlme" else if (generic == "fortify") "ggplot2" else "rlmm"
  utils::getS3method(generic, class, optional = TRUE, envir = asNamespace(home))
}

# Names and classes of the S3 methods that a package registers.
registered_methods <- function(package) {
  table <- getNamespaceInfo(package, "S3methods")
  text <- function(column) vapply(table[, column], function(x) as.character(x)[1], "")
  data.frame(name = text(1), of = text(2))
}

test_that("the table is in order", {
  table <- lme4_table()
  expect_equal(anyDuplicated(table[c("name", "of")]), 0)
  absent <- table$provided_by == ""
  expect_true(all(nzchar(table$reason[absent])), label = "a reason for all that is left out")
  expect_true(all(table$of[is_method(table) & !absent] %in% names(OUR_CLASS)))
})

test_that("what the table calls provided is there", {
  table <- lme4_table()
  table <- table[table$provided_by != "", ]
  methods <- table[is_method(table), ]
  if (!requireNamespace("ggplot2", quietly = TRUE)) methods <- methods[methods$name != "fortify", ]
  for (i in seq_len(nrow(methods))) {
    method <- our_method(methods$name[i], OUR_CLASS[[methods$of[i]]])
    label <- paste(methods$name[i], "for", methods$of[i])
    expect_true(is.function(method), label = label)
    wanted <- strsplit(methods$arguments[i], " ", fixed = TRUE)[[1]]
    expect_equal(setdiff(wanted, names(formals(method))), character(), label = label)
  }
  functions <- unique(table$provided_by[table$of == "function"])
  expect_equal(setdiff(functions, getNamespaceExports("rlmm")), character())
  expect_equal(setdiff(table$name[table$of == "getME"], names(getME(our_fit("slope"), "ALL"))),
    character())
})

test_that("what the table leaves out is not there after all", {
  table <- lme4_table()
  absent <- table[table$provided_by == "", ]
  expect_equal(intersect(absent$name[absent$of == "function"], getNamespaceExports("rlmm")),
    character())
  methods <- absent[is_method(absent) & absent$of %in% names(OUR_CLASS), ]
  for (i in seq_len(nrow(methods))) {
    expect_null(our_method(methods$name[i], OUR_CLASS[[methods$of[i]]]))
  }
  for (name in absent$name[absent$of == "getME"]) {
    expect_rlmm_error(getME(our_fit("slope"), name), "unknown_name")
  }
})

test_that("the table has all that the installed lme4 offers", {
  skip_if_not_installed("lme4")
  table <- lme4_table()
  expect_equal(setdiff(getNamespaceExports("lme4"), table$name[table$of == "function"]),
    character(), label = "exports of lme4 that the table lacks")
  methods <- registered_methods("lme4")
  # our own methods for lme4's generics are registered there, too
  methods <- methods[!grepl("rlmm", methods$of), ]
  have <- paste(table$name, table$of)
  expect_equal(setdiff(paste(methods$name, methods$of), have), character(),
    label = "methods of lme4 that the table lacks")
  known <- eval(formals(getS3method("getME", "merMod", envir = asNamespace("lme4")))$name)
  expect_equal(setdiff(known, table$name[table$of == "getME"]), character(),
    label = "names of lme4's getME() that the table lacks")
})

test_that("lme4's generics find our methods when they are called from lme4", {
  skip_if_not_installed("lme4")
  for (name in intersect(c("getME", "refit", "refitML", "isREML", "isLMM", "isGLMM", "isNLMM",
    "ngrps", "rePCA"), getNamespaceExports("lme4"))) {
    found <- utils::getS3method(name, "rlmm", optional = TRUE, envir = asNamespace("lme4"))
    expect_true(is.function(found), label = name)
  }
})
