new_days <- data.frame(Days = c(0, 10, 4.5), z = c(0.5, -1, 0), o = 1:3,
  Subject = c("308", "372", "333"), h = c("a", "c", "f"), Days2 = 1:3)

test_that("predictions are lme4's for the data of the fit", {
  for (name in c("slope", "split", "three", "weighted", "offset", "exclude", "poly", "pastes")) {
    ours <- our_fit(name)
    theirs <- lme4_fit(name)
    for (re in list(NULL, NA, ~0)) {
      expect_equal(predict(ours, re.form = re), predict(theirs, re.form = re),
        tolerance = 1e-3, label = name)
    }
    expect_equal(predict(ours), fitted(ours))
    if (name == "exclude") next
    expect_equal(predict(ours, model_data(name)), predict(ours), label = name)
    # lme4 does not find the variables of poly() there
    if (name == "poly") next
    expect_equal(predict(ours, random.only = TRUE), predict(theirs, random.only = TRUE),
      tolerance = 5e-3, label = name)
  }
})

test_that("predictions are lme4's for new data", {
  for (name in c("slope", "split", "three", "offset", "poly", "deficient")) {
    ours <- our_fit(name)
    theirs <- lme4_fit(name)
    for (re in list(NULL, NA)) {
      expect_equal(predict(ours, new_days, re.form = re), predict(theirs, new_days, re.form = re),
        tolerance = 1e-3, label = name)
    }
  }
  expect_equal(predict(our_fit("three"), new_days, random.only = TRUE),
    predict(lme4_fit("three"), new_days, random.only = TRUE), tolerance = 1e-2)
})

test_that("re.form chooses terms and columns", {
  ours <- our_fit("three")
  theirs <- lme4_fit("three")
  for (re in list(~ (1 | Subject), ~ (0 + Days | Subject), ~ (1 | h), ~ (1 | Subject) + (1 | h))) {
    expect_equal(predict(ours, new_days, re.form = re), predict(theirs, new_days, re.form = re),
      tolerance = 1e-3)
    expect_equal(predict(ours, re.form = re), predict(theirs, re.form = re), tolerance = 1e-3)
  }
  expect_equal(predict(our_fit("pastes"), re.form = ~ (1 | batch)),
    predict(lme4_fit("pastes"), re.form = ~ (1 | batch)), tolerance = 1e-4)
  expect_error(predict(ours, re.form = ~ (1 | nobody)), "nobody", class = "rlmm_re_form")
  expect_error(predict(ours, re.form = ~ (0 + Days | h)), "Days", class = "rlmm_re_form")
  expect_error(predict(ours, re.form = "all"), class = "rlmm_re_form")
})

test_that("a level that the fit has not seen is an error that names it", {
  fit <- our_fit("slope")
  new <- data.frame(Days = 1:2, Subject = c("308", "stranger"))
  problem <- expect_error(predict(fit, new), "Subject.*stranger", class = "rlmm_new_levels")
  expect_equal(problem$term, "Subject")
  expect_equal(problem$level, "stranger")
  expect_equal(predict(fit, new, allow.new.levels = TRUE)[[2]],
    predict(fit, new, re.form = NA)[[2]])
  expect_equal(predict(fit, new[1, ]), predict(fit, new, allow.new.levels = TRUE)[1])
  expect_error(predict(our_fit("cake"),
    data.frame(recipe = "Z", temperature = factor(175, ordered = TRUE), replicate = 1)),
  "recipe.*Z", class = "rlmm_new_levels")
})

test_that("missing values go by na.action", {
  fit <- our_fit("slope")
  new <- data.frame(Days = c(1, NA, 2), Subject = "308")
  expect_identical(is.na(unname(predict(fit, new))), c(FALSE, TRUE, FALSE))
  expect_length(predict(fit, new, na.action = na.omit), 2)
  expect_length(predict(fit, new, na.action = na.exclude), 3)
  expect_error(predict(fit, new, na.action = na.fail), class = "rlmm_newdata")
  new <- data.frame(Days = 1:2, Subject = c("308", NA))
  expect_error(predict(fit, new), class = "rlmm_missing_group")
  expect_equal(predict(fit, new, allow.new.levels = TRUE), predict(lme4_fit("slope"), new,
    allow.new.levels = TRUE), tolerance = 1e-3)
})

test_that("only the variables that are used must be there", {
  fit <- our_fit("slope")
  expect_equal(predict(fit, data.frame(Days = 3), re.form = NA),
    c(`1` = sum(fixef(fit) * c(1, 3))))
  expect_error(predict(fit, data.frame(Days = 3)), "Subject", class = "rlmm_newdata")
  expect_error(predict(fit, data.frame(Subject = "308")), "Days", class = "rlmm_newdata")
  expect_error(predict(fit, 3), class = "rlmm_newdata")
})

test_that("bases that depend on the data are those of the fit", {
  fit <- our_fit("poly")
  rows <- c(5, 9, 100)
  expect_equal(predict(fit, method_data()[rows, ]), fitted(fit)[rows])
  scaled <- rlmm(Reaction ~ scale(Days) + (scale(Days) | Subject), sleepstudy)
  expect_equal(predict(scaled, sleepstudy[rows, ]), fitted(scaled)[rows])
  bent <- rlmm(Reaction ~ splines::ns(Days, 3) + (1 | Subject), sleepstudy)
  expect_equal(predict(bent, sleepstudy[rows, ]), fitted(bent)[rows])
})

test_that("an offset given as argument is evaluated in the new data", {
  d <- method_data()
  fit <- rlmm(Reaction ~ Days + (1 | Subject), d, offset = o)
  expect_equal(predict(fit, d), predict(fit))
  expect_equal(predict(fit, d), predict(our_fit("offset"), d), tolerance = 1e-6)
  expect_error(predict(fit, new_days[c("Days", "Subject")]), "offset", class = "rlmm_newdata")
})

test_that("contrasts and character groups do not matter", {
  d <- method_data()
  d$h <- as.character(d$h)
  fit <- rlmm(Reaction ~ h + (1 | Subject), d, contrasts = list(h = "contr.sum"))
  expect_equal(predict(fit, d[c(3, 7), ]), fitted(fit)[c(3, 7)])
})

test_that("factors on the left side keep the levels of the fit", {
  fit <- our_fit("factor_left")
  cake <- model_data("factor_left")
  for (row in c(2, 100, 270)) expect_equal(predict(fit, cake[row, ]), fitted(fit)[row])
  d <- method_data()
  apart <- suppressMessages(rlmm(y ~ z + (h || Subject), d))
  expect_equal(predict(apart, d[c(4, 11), ]), fitted(apart)[c(4, 11)])
  expect_equal(predict(apart, re.form = ~ (h || Subject)), fitted(apart))
  one <- rlmm(y ~ h + (1 | Subject), transform(d, h = as.character(h)))
  expect_equal(predict(one, data.frame(h = "c", Subject = "309")),
    c(`1` = sum(fixef(one)[c(1, 3)]) + ranef(one)$Subject["309", 1]))
})

test_that("a variable of another type is an error that names it", {
  fit <- our_fit("slope")
  expect_error(predict(fit, data.frame(Days = "1", Subject = "308")), "Days",
    class = "rlmm_newdata")
  expect_equal(predict(our_fit("pastes"), data.frame(batch = "A", cask = "a"), re.form = NULL),
    setNames(fitted(our_fit("pastes"))[1], "1"))
})

test_that("newparams replaces the estimates", {
  fit <- our_fit("slope")
  other <- list(beta = c(100, 1), theta = c(2, 0, 0))
  expect_equal(unname(predict(fit, new_days, other, re.form = NA)), 100 + new_days$Days)
  both <- predict(fit, new_days[1, ], newparams = other)
  expect_equal(unname(both), 100 + 2 * fit$u[1])
  expect_error(predict(fit, newparams = list(beta = 1)), "beta", class = "rlmm_newparams")
  expect_error(predict(fit, newparams = list(bta = 1)), class = "rlmm_newparams")
})

test_that("an unknown argument is an error", {
  expect_error(predict(our_fit("slope"), interval = TRUE), "interval",
    class = "rlmm_bad_argument")
})

test_that("tibbles and data tables serve as new data", {
  fit <- our_fit("slope")
  expected <- predict(fit, new_days)
  if (requireNamespace("tibble", quietly = TRUE)) {
    expect_equal(predict(fit, tibble::as_tibble(new_days)), expected)
  }
  if (requireNamespace("data.table", quietly = TRUE)) {
    expect_equal(predict(fit, data.table::as.data.table(new_days)), expected)
  }
})
